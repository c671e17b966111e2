"""Results say which settings made them, so that old ones are not taken for those of a changed config.

Snakemake forgets what it knew of an output when the job that was to make it anew has failed, and then
trusts whatever lies there. So a trained policy holds all settings of its training, and sampled and
verified attempts hold digests of the settings of every job behind them.
"""

import json
from pathlib import Path

from score.files.digests import digest
from score.files.settings import IDLE, Settings

POLICY_SETTINGS = "score_settings.json"  # in the folder of a trained policy
# The flag of a command that takes a policy, with the arguments of `check_policy_settings` after it.
TRAINED_WITH = {
    "help": "JSON of the settings that the policy must have been trained with, and a file of tuned ones",
    "nargs": "+",
    "default": [None],
}
_ATTRIBUTE = "made_with"  # of a table of attempts: job -> digest of its settings


def mark_policy(folder: str | Path, settings: Settings) -> None:
    """Say in a policy's folder which settings it was trained with."""
    text = json.dumps(settings.provenance(), indent=1, sort_keys=True)
    (Path(folder) / POLICY_SETTINGS).write_text(text)


def check_policy_settings(policy: str, expected: str | None, tuned: str | None = None) -> None:
    """ValueError that names what differs where a policy was trained with other settings than expected.

    expected: JSON of all settings on which the weights depend, None where nothing is known of them.
    tuned: JSON file of settings that win over those.
    """
    if expected is None:
        return
    wanted = json.loads(expected)
    if tuned is not None:
        wanted |= json.loads(Path(tuned).read_text(encoding="utf-8"))
    try:
        told = json.loads((Path(policy) / POLICY_SETTINGS).read_text(encoding="utf-8"))
        made_with = {key: value for key, value in told.items() if key not in IDLE}
    except (OSError, ValueError):
        found = f"does not say what it was trained with ({POLICY_SETTINGS} can't be read)"
    else:
        if made_with == wanted:
            return
        found = f"was trained with {differences(made_with, wanted)}, as the config says"
    raise ValueError(
        f"the policy {policy} {found}; expected the settings of the config. Go back to those, or have "
        f"it trained anew: rm -r {policy}"
    )


def differences(old: dict, new: dict) -> str:
    """`learning_rate 0.0005, now 0.01; …` for the keys whose values differ."""
    return "; ".join(
        f"{key} {_short(old.get(key))}, now {_short(new.get(key))}" for key in differing(old, new)
    )


def differing(old: dict, new: dict) -> list[str]:
    """The keys whose values differ, sorted."""
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def mark_attempts(frame, **jobs: Settings | str | None) -> None:
    """Add to a table of attempts the digest of a job's settings, or of their JSON; None says nothing."""
    made_with = {
        job: digest(json.loads(told) if isinstance(told, str) else told.provenance())
        for job, told in jobs.items()
        if told is not None
    }
    frame.attrs[_ATTRIBUTE] = {**frame.attrs.get(_ATTRIBUTE, {}), **made_with}


def digests_of(metadata: dict[bytes, bytes] | None) -> dict[str, str]:
    """Job -> digest, of the metadata of a parquet file that `mark_attempts` has marked."""
    attributes = json.loads((metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    return attributes.get(_ATTRIBUTE, {})


def _short(value) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
