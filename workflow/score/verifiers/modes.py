"""Which of evaluator_mode and evaluator_answer_marker make a difference to a task."""

from types import ModuleType

from score.tasks import marker_modes_of, modes_of


def check_mode_and_marker(task: ModuleType, task_type: str, mode: str, marker: str) -> None:
    """ValueError where one of them is stated and would change nothing, or mode final has no marker."""
    modes, marked = modes_of(task), marker_modes_of(task)
    if mode not in modes:
        raise ValueError(
            f"evaluator_mode is {mode!r}, of which task {task_type!r} takes no notice; expected "
            f"{' or '.join(modes)}. Set evaluator_mode: {modes[0]}."
        )
    if mode == "final" and not marker.strip():
        raise ValueError(
            f"evaluator_answer_marker is empty for task {task_type!r}; expected a text with "
            "evaluator_mode 'final'. Set the words that come before the answer, or evaluator_mode: "
            "default."
        )
    if marker != task.MARKER and mode not in marked:
        other = f", or set evaluator_mode: {marked[0]}" if marked else ""
        raise ValueError(
            f"evaluator_answer_marker is {marker!r}, which task {task_type!r} does not read with "
            f"evaluator_mode {mode!r}; expected null. Set it to null{other}."
        )
