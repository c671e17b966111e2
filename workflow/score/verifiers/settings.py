"""How attempts are judged: the config's section `verifier`, in the settings of every job that judges."""

from dataclasses import dataclass

from score.files.settings import Settings


@dataclass(kw_only=True)
class VerifierSettings(Settings):
    """Of `Verifier`. verifier_deadline: seconds for one verdict. verifier_workers: of each rank."""

    task_type: str
    evaluator_function: str | None = None
    evaluator_mode: str = "default"
    evaluator_answer_marker: str | None = None
    verifier_deadline: float = 5.0
    verifier_workers: int = 1
