"""A task: how problems are posed, what counts as a stated answer, and when it is correct.

A task is one short module (or one .py file anywhere) with these names:

    FIRST_PROMPT          user message of turn 1, holds "{question}"
    CORRECTION_PROMPT     user message of turn 2; never says whether attempt 1 was right
    EVALUATOR_FUNCTIONS   names accepted as `evaluator_function`; the first is the default
    MARKER                default `evaluator_answer_marker`
    parse_gold(raw)                    the clean answer; ValueError(reason) if it cannot be one
    state(answer, marker)              a minimal attempt that states `answer`
    extract(attempt, mode, marker)     the stated answer or None; must take linear time
    grade(extracted, answer, function) score in [0, 1]; may raise or hang: it runs in a worker

and, where they help, any of these:

    SYSTEM_PROMPT                      system message at the start of every conversation
    MODES                              values of `mode` that extract tells apart; by default both,
                                       "default" and "final"
    MARKER_MODES                       those of them in which extract reads `marker`; by default all
    CRITIQUE_PROMPT, REFINE_PROMPT     user messages of self-refinement: for a critique of the
                                       attempt, and after it for the whole solution again; neither
                                       says whether the attempt was right
    extract_for(attempt, mode, marker, answer)   in place of extract where what is asked decides
                                       which of several statements is the answer: whether one is right
                                       must not count
    canonical_question(question)                 key for splits, duplicates and leakage
    question_from_row(row), gold_from_row(row)   read a whole dataset row instead of one column
    quick_grade(extracted, answer, function)     cheap score without a worker, None if not sure
    is_correct(score, function)                  default: score == 1.0
    warm_up()                                    slow imports of grade, done before its deadline
    vote_key(extracted)                          identity of an answer in a majority vote
    second_opinion(extracted, answer, function)  True, False or None from a grader that shares
                                                 nothing with grade; for a report, never a reward

So another task is one file: write it, and set `task_type: path/to/mine.py`.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

MODES = ("default", "final")
REQUIRED = (
    "FIRST_PROMPT",
    "CORRECTION_PROMPT",
    "EVALUATOR_FUNCTIONS",
    "MARKER",
    "parse_gold",
    "state",
    "extract",
    "grade",
)


def known_tasks() -> list[str]:
    """Names that `task_type` accepts, besides a path to a .py file."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


def load_task(task_type: str) -> ModuleType:
    """The task module called `task_type`, or the one in the file of that path.

    Errors: ValueError for an unknown name, a missing file, or a file that lacks a required name.
    """
    if task_type.endswith(".py"):
        task = _load_file(Path(task_type).resolve())
    elif task_type in known_tasks():
        task = importlib.import_module(f"{__name__}.{task_type}")
    else:
        raise ValueError(
            f"task_type is {task_type!r}; expected one of {', '.join(known_tasks())}, or a path "
            "that ends in .py. Check the spelling, or write such a file."
        )
    missing = [name for name in REQUIRED if not hasattr(task, name)]
    if missing:
        raise ValueError(
            f"task_type is {task_type!r}; expected a module that defines {', '.join(REQUIRED)}. "
            f"Add {', '.join(missing)}."
        )
    if "{question}" not in task.FIRST_PROMPT:
        raise ValueError(
            f"FIRST_PROMPT of task {task_type!r} is {task.FIRST_PROMPT!r}; expected a text that "
            "holds {question}. Put {question} where the question belongs."
        )
    return task


def modes_of(task: ModuleType) -> tuple[str, ...]:
    """The values of `evaluator_mode` that make a difference to the task."""
    return getattr(task, "MODES", MODES)


def marker_modes_of(task: ModuleType) -> tuple[str, ...]:
    """Those of them with which `evaluator_answer_marker` makes one."""
    return getattr(task, "MARKER_MODES", modes_of(task))


def vote_key_of(task: ModuleType) -> Callable[[str], str]:
    """A function from a stated answer to its key in a majority vote: answers of one key are equal.

    The task's own `vote_key` where it has one; else the answer casefolded, white space folded.
    """
    return getattr(task, "vote_key", lambda extracted: " ".join(extracted.casefold().split()))


def extract_with(task: ModuleType, attempt: str, mode: str, marker: str, answer) -> str | None:
    """What an attempt states as its answer to the problem whose reference answer is `answer`."""
    if hasattr(task, "extract_for"):
        return task.extract_for(attempt, mode, marker, answer)
    return task.extract(attempt, mode, marker)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"task_type is {str(path)!r}; expected an existing file. Fix the path.")
    name = f"score_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    task = importlib.util.module_from_spec(spec)
    sys.modules[name] = task
    spec.loader.exec_module(task)
    return task
