"""Where the weights of a policy are that somebody names, and where the run that they belong to is."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from score.files.visible import visible
from score.policies.fitness import hub_config
from score.policies.load import local_folder
from score.report.run_folder import DESCRIPTION, read_object

EVALUATED = "test/sample_settings.json"  # of an instance: how its attempts were sampled
_WEIGHTS = ("config.json", "adapter_config.json")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


@dataclass
class Wanted:
    """What somebody who tries a policy says; None for what the policy's settings say.

    temperature 0 is greedy. dtype: a key of DTYPES. few_shot_dir: folder of worked examples.
    """

    task: str | None = None
    temperature: float = 0.0
    max_tokens: int | None = None
    seed: int = 0
    dtype: str | None = None
    few_shot_dir: str | None = None
    cache_dir: str | None = None
    trust_remote_code: bool = False


class PolicyFolder(NamedTuple):
    """weights: a folder as transformers or peft saves it. instance: the folder in results/{run} that
    they belong to, None of other policies. run: results/{run}, None likewise."""

    weights: str
    instance: Path | None
    run: Path | None


def find_policy(named: str, wanted: Wanted | None = None) -> PolicyFolder:
    """The policy at `named`: results/{run}/{policy}, the folder of a policy, or a hub name.

    ValueError where there is none, or where several seeds are there.
    """
    wanted = wanted or Wanted()
    place = Path(named)
    if place.is_file() or any((place / name).is_file() for name in _WEIGHTS):
        return _with_run(named, _instance_above(place))
    if not place.is_dir():
        if _NAME.fullmatch(named) and hub_config(named, wanted.cache_dir) is not None:
            weights = local_folder(named, wanted.cache_dir, wanted.trust_remote_code)
            return PolicyFolder(weights, None, None)
        raise ValueError(
            f"--policy is {named}, which is no folder and no policy that the hub has; expected "
            "results/{run}/{policy}, the folder of a policy or its name there. Correct it."
        )
    rounds = sorted(place.glob("iteration*/policy"), key=_number)
    if (place / "policy").is_dir() or rounds:
        return _with_run(str(rounds[-1] if rounds else place / "policy"), place)
    below = sorted((p for p in place.glob("seed*") if p.is_dir()), key=_number)
    if below:
        raise ValueError(
            f"{place} holds a policy for each of {len(below)} seeds; expected one of them. Name one, as "
            f"in --policy {below[0]}."
        )
    if (place / EVALUATED).is_file():
        return _without_weights(place, wanted)
    if (place / DESCRIPTION).is_file():
        raise ValueError(f"{place} is a run; expected one of its policies. {_policies_of(place)}")
    return PolicyFolder(named, None, None)  # what is wrong with it, the check of the policy says


def few_shot_dir_of(folder: PolicyFolder) -> str | None:
    """The folder of worked examples that the run had, as run.json tells; None where it had none."""
    config = read_object(folder.run / DESCRIPTION).get("config", {}) if folder.run else {}
    return config.get("few_shot_dir")


def _without_weights(instance: Path, wanted: Wanted) -> PolicyFolder:
    """An instance that is evaluated with the weights of another: base, or one that is prompted."""
    run = _run_of(instance)
    config = read_object(run / DESCRIPTION).get("config", {}) if run else {}
    arm = instance.relative_to(run).parts[0] if run else instance.name
    start = config.get("policies", {}).get(arm, {}).get("init", "base")
    if arm == "base" or start == "base":
        weights = config.get("model_path")
    else:
        seed = instance.name if instance.name != arm else ""
        weights = find_policy(str(run / start / seed), wanted).weights
    if weights is None:
        raise ValueError(
            f"{instance} has no weights of its own, and no {DESCRIPTION} of its run says whose it was "
            "evaluated with; expected the folder of a policy. Name that of the base policy."
        )
    here = Path(weights).is_dir()
    return PolicyFolder(weights if here else find_policy(weights, wanted).weights, instance, run)


def _with_run(weights: str, instance: Path | None) -> PolicyFolder:
    return PolicyFolder(weights, instance, instance and _run_of(instance))


def _instance_above(weights: Path) -> Path | None:
    """The instance whose folder `policy`, or `iteration3/policy`, this is."""
    if weights.resolve().name != "policy":
        return None
    above = weights.resolve().parent if weights.name != "policy" else weights.parent
    above = above.parent if re.fullmatch(r"iteration\d+", above.name) else above
    return above if _run_of(above) or (above / EVALUATED).is_file() else None


def _run_of(instance: Path) -> Path | None:
    """results/{run}, by what lies in it: one above the instance, or two where that is one of a seed."""
    for above in list(instance.parents)[:2]:
        if (above / "problems").is_dir() or (above / DESCRIPTION).is_file():
            return above
    return None


def _policies_of(run: Path) -> str:
    names = sorted(p.parent.name for p in run.glob("*/policy") if p.is_dir())
    if not names:
        return "It holds none yet: wait until one is trained."
    return f"Name one: {', '.join(visible(str(run / name)) for name in names)}."


def _number(path: Path) -> int:
    """iteration2 comes before iteration10."""
    digits = re.search(r"(?:iteration|seed)(\d+)", str(path.name) + str(path.parent.name))
    return int(digits[1]) if digits else -1
