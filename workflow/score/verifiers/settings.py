"""The settings of verification: task_type and the config's section `verifier`."""

from dataclasses import dataclass, field

from score.files.settings import Settings
from score.verifiers.reasoning import TAGS


@dataclass(kw_only=True)
class VerifierSettings(Settings):
    """What a Verifier is made from; the settings of every job that verifies attempts extend it.

    evaluator_function, evaluator_answer_marker: null for the task's own default. reasoning_tags:
    what opens and what ends a block inside which nothing is stated; null: there are no such blocks.
    verifier_deadline: seconds for one verdict. verifier_workers: of each rank.
    """

    task_type: str
    evaluator_function: str | None = None
    evaluator_mode: str = "default"
    evaluator_answer_marker: str | None = None
    reasoning_tags: list | None = field(default_factory=lambda: list(TAGS))
    verifier_deadline: float = 5.0
    verifier_workers: int = 1
