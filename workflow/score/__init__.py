"""SCoRe: language models that learn to correct themselves, by reinforcement learning over two turns.

from score import SCoReConfig, SCoReTrainer, Verifier
"""

import os

from score.jobs.start_up import begin_imports

if "SCORE_ENDS_WITH" in os.environ:  # here, since the imports of a command take seconds
    from score.jobs.lifeline import end_with_starter

    end_with_starter()

begin_imports()

_EXPORTS = {
    "SCoReConfig": "score.training.config",
    "SCoReTrainer": "score.training.trainer",
    "Verifier": "score.verifiers.verifier",
}
__all__ = ["SCoReConfig", "SCoReTrainer", "Verifier"]


def __getattr__(name: str):
    """Import a public name when it is first used: `import score` alone loads nothing heavy."""
    if name not in _EXPORTS:
        raise AttributeError(f"module 'score' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_EXPORTS[name]), name)
