"""The settings of a job: one dataclass each, which the workflow writes and the job reads."""

import dataclasses
import json
import typing
from pathlib import Path
from typing import Self

from score.files.errors import SiteError

# Settings that change no result: neither a rule nor a checkpoint is redone for them.
IDLE = (
    "cache_dir",
    "report_to",
    "run_name",
    "second_opinions",
    "show_rollouts_steps",
    "stop_when_nothing_to_learn",
    "verifier_workers",
    "vllm_gpu_memory_utilization",
    "vllm_prefix_caching",
    "vllm_server_url",
    "vllm_tensor_parallel_size",
    "wandb_project_name",
)


class MissingSetting(ValueError):
    """A setting without a default that is not given. name: which."""

    def __init__(self, name: str):
        super().__init__(f"{name} is not given; expected a value. Add it.")
        self.name = name


@dataclasses.dataclass(kw_only=True)
class Settings:
    """Base class of a job's settings; subclasses name the fields and check their values.

    A settings file holds what the config states; what it does not state is at the class's default.
    """

    # Set where settings are made; without annotations, since those would make them settings.
    _stated = typing.cast("tuple[str, ...] | None", None)
    _read_from = typing.cast("tuple[str | Path, str | Path | None] | None", None)

    @classmethod
    def from_config(cls, *sections: dict, **values) -> Self:
        """Settings that state what the sections hold, the later over the earlier, and `values`.

        Keys of the sections that are no settings of this job are left out. MissingSetting where one
        is not given, ValueError where one does not fit.
        """
        stated = {key: value for section in sections for key, value in section.items()}
        stated = {key: value for key, value in stated.items() if key in cls.names()} | values
        for field in dataclasses.fields(cls):
            if _is_required(field) and field.name not in stated:
                raise MissingSetting(field.name)
        settings = cls(**stated)
        settings._stated = tuple(stated)
        return settings

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def read(cls, path: str | Path, tuned: str | Path | None = None) -> Self:
        """The settings in a JSON file. tuned: another such file, of keys that win.

        ValueError for an unknown or missing key, and for a value of another type than the field's
        annotation (`1e-5` as text).
        """
        values = _read_object(path)
        if tuned is not None:
            values |= _read_object(tuned)
        settings = cls.checked(values, path)
        settings._read_from = path, tuned
        return settings

    @classmethod
    def checked(cls, values: dict, path: str | Path) -> Self:
        """The settings that `path` holds as JSON values; ValueError as of `read`."""
        types = typing.get_type_hints(cls)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key in values:
            if key not in fields:
                raise ValueError(f"{path}: unknown key {key!r}; expected only {sorted(fields)}.")
        for name, field in fields.items():
            if name not in values and _is_required(field):
                raise ValueError(f"{path}: key {name!r} is missing. Add it.")
        for key, value in values.items():
            if not _fits(value, types[key]):
                expected = getattr(types[key], "__name__", types[key])
                raise ValueError(f"{path}: {key} is {value!r}; expected {expected}.")
        return cls(**values)

    def require_file(self) -> None:
        """To be called before a result is written; SiteError where the settings are not valid any more.

        They are not where their file is gone or says something else by now: Snakemake deletes it when
        it gives a job up, and this process may be one that it has lost sight of.
        """
        if self._read_from is None:
            return
        path, tuned = self._read_from
        try:
            now = self.read(path, tuned)
        except ValueError as error:
            found = f"can't be read any more ({error})"
        else:
            if now == self:
                return
            found = "says something else than at the start"
        raise SiteError(
            f"{path} {found}, so what was made with it is not written; expected it to stay as it was. "
            "Another run may have changed the config or given this job up: run again."
        )

    def to_json(self) -> str:
        """The content of the settings file: a key a line, sorted."""
        stated = {name: getattr(self, name) for name in self._names()}
        return json.dumps(stated, sort_keys=True, indent=2)

    def rerun_on(self) -> str:
        """`to_json` without the settings that change no result: a rule runs again when it changes."""
        stated = {name: getattr(self, name) for name in self._names() if name not in IDLE}
        return json.dumps(stated, sort_keys=True)

    def provenance(self) -> dict:
        """All settings that a result depends on, defaults included."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in IDLE}

    def _names(self) -> tuple[str, ...]:
        return self.names() if self._stated is None else self._stated


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _fits(value, annotation) -> bool:
    """Whether a JSON value is of that type: a whole number is a float, true is no number."""
    kinds = typing.get_args(annotation) or (annotation,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def _read_object(path: str | Path) -> dict:
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"settings file {path} can't be read as JSON: {error}.") from None
    if not isinstance(values, dict):
        raise ValueError(f"settings file {path} is not an object; expected keys and values.")
    return values
