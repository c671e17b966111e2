"""Where a trained policy comes from: a small file in its folder, so that nobody has to remember.

Stage II is held to the base policy and not to the Stage I policy that it starts from. The file says
which that is. It is no part of `policy_digest`: weights are the same wherever their base lies.
"""

import json
from pathlib import Path

from score.policies.load import LINEAGE, policy_digest


def write_lineage(folder: str, objective: str, reference: str, cache_dir: str | None) -> None:
    """Say in `folder` with which objective its policy was trained, and its π_ref: a path or hub name."""
    local = Path(reference).is_dir()
    lineage = {
        "objective": objective,
        "reference": str(Path(reference).resolve()) if local else reference,
        "reference_digest": policy_digest(reference, cache_dir) if local else None,
    }
    (Path(folder) / LINEAGE).write_text(json.dumps(lineage, indent=1, sort_keys=True))


def recorded_reference(path: str, cache_dir: str | None) -> str | None:
    """The π_ref that the policy at `path` was trained with; None where nothing is said of a training.

    ValueError where its folder is gone or holds other weights now.
    """
    file = Path(path) / LINEAGE
    if not file.is_file():
        return None
    lineage = json.loads(file.read_text())
    reference, digest = lineage["reference"], lineage["reference_digest"]
    if digest is None:
        return reference
    gone = not Path(reference).is_dir()
    if gone or policy_digest(reference, cache_dir) != digest:
        raise ValueError(
            f"the policy {path!r} was trained by {lineage['objective']} with the reference "
            f"{reference!r}, which {'is gone' if gone else 'holds other weights now'}; expected the "
            "weights that its KL was to. Name where they are: reference=…"
        )
    return reference
