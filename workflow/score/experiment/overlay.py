"""What an overlay states wins over the defaults of configs/config.yaml, whatever section states those.

Order of precedence for a training, from weak to strong: defaults of `training`, defaults of the
narrower sections, the overlay's `training`, the overlay's narrower sections, the policy's entry, the
candidate. Merging section by section alone would let a default of `stage_two` overrule the overlay's
`training`.
"""

from score.experiment.plan import sections_of
from score.fine_tuning.settings import FINE_TUNED
from score.training.methods import METHODS


def resolved(config: dict, overlay: dict) -> dict:
    """The config without the defaults that the overlay overrules in a broader section.

    config: the defaults with the overlay merged in, as Snakemake merges them. overlay: all that was
    given beside the defaults (--configfile, then --config). Neither is changed, and what is resolved
    stays the same when it is resolved again. Values that are no sections are left to the schema.
    """
    overruled: dict[str, set[str]] = {}
    for objective in (*METHODS, *FINE_TUNED):
        broader: set[str] = set()  # what the overlay states in the sections before this one
        for name in sections_of(objective):
            stated = _keys(overlay, name)
            overruled.setdefault(name, set()).update(broader - stated)
            broader |= stated
    changed = {
        name: {key: value for key, value in config[name].items() if key not in keys}
        for name, keys in overruled.items()
        if isinstance(config.get(name), dict)
    }
    return {**config, **changed}


def _keys(overlay: dict, section: str) -> set[str]:
    stated = overlay.get(section)
    return set(stated) if isinstance(stated, dict) else set()
