"""A task: how problems are posed, what counts as a stated answer, and when it is correct.

A task is one short module (or one .py file anywhere) with these names:

    FIRST_PROMPT          user message of turn 1, holds "{question}"
    CORRECTION_PROMPT     user message of turn 2; never says whether attempt 1 was right
    EVALUATOR_FUNCTIONS   names accepted as `evaluator_function`; the first is the default
    MARKER                default `evaluator_answer_marker`
    parse_gold(raw)                    the clean answer; ValueError(reason) if it cannot be one. A number
                                       comes as the text that it was written as
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
    VERIFY_PROMPT, REVISE_PROMPT       user messages of PAG: for a verdict on the attempt, which is to
                                       end in "The answer is correct" or "The answer is wrong", and
                                       for another attempt, asked only where that said wrong
    extract_for(attempt, mode, marker, answer)   in place of extract where what is asked decides
                                       which of several statements is the answer: whether one is right
                                       must not count
    canonical_question(question)                 key for splits, duplicates and leakage
    question_from_row(row), gold_from_row(row)   read a whole dataset row instead of one column
    quick_grade(extracted, answer, function)     cheap score without a worker, None if not sure
    is_correct(score, function)                  default: score == 1.0
    restates(extracted, answer, question)        whether a right answer only repeats the question;
                                                 such an answer is incorrect
    only_text(answer)                            whether nothing but its own words equals the answer
    all_of(golds)                                the one answer that names all of several
    why_unsound(answer)                          why an answer does not verify against itself, in one
                                                 line, for the message that refuses its row
    warm_up()                                    slow imports of grade, done before its deadline
    vote_key(extracted)                          identity of an answer in a majority vote
    second_opinion(extracted, answer, function)  True, False or None from a grader that shares
                                                 nothing with grade; for a report, never a reward;
                                                 may raise or hang as well

So another task is one file: write it, and set `task_type: path/to/mine.py`.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from score.jobs.command import OWN_TASK

MODES = ("default", "final")
FUNCTIONS = ("parse_gold", "state", "extract", "grade")
REQUIRED = ("FIRST_PROMPT", "CORRECTION_PROMPT", "EVALUATOR_FUNCTIONS", "MARKER", *FUNCTIONS)
# Those that a task may have.
TEXTS = ("SYSTEM_PROMPT", "CRITIQUE_PROMPT", "REFINE_PROMPT", "VERIFY_PROMPT", "REVISE_PROMPT")
HOOKS = (
    "canonical_question",
    "question_from_row",
    "gold_from_row",
    "quick_grade",
    "is_correct",
    "warm_up",
    "vote_key",
    "second_opinion",
)


def known_tasks() -> list[str]:
    """Names that `task_type` accepts, besides a path to a .py file."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


def load_task(task_type: str) -> ModuleType:
    """The task module called `task_type`, or the one in the file of that path.

    ValueError for an unknown name, a missing file, or a file that can't be run, ends the program or
    lacks a required name.
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
    _check_kinds(task, task_type)
    if "{question}" not in task.FIRST_PROMPT:
        raise ValueError(
            f"FIRST_PROMPT of task {task_type!r} is {task.FIRST_PROMPT!r}; expected a text that "
            "holds {question}. Put {question} where the question belongs."
        )
    return task


def _check_kinds(task: ModuleType, task_type: str) -> None:
    """ValueError where a name of a task stands for something else than it should."""
    given = [name for name in TEXTS if getattr(task, name, None) is not None]
    for name in ("FIRST_PROMPT", "CORRECTION_PROMPT", "MARKER", *given):
        if not isinstance(getattr(task, name), str):
            raise ValueError(_of_another_kind(name, task, task_type, "a text"))
    for name in (*FUNCTIONS, *(h for h in HOOKS if hasattr(task, h))):
        if not callable(getattr(task, name)):
            raise ValueError(_of_another_kind(name, task, task_type, "a function"))
    functions = task.EVALUATOR_FUNCTIONS
    if not isinstance(functions, list | tuple) or not functions:
        expected = "a tuple of names, ('exact',)"
        raise ValueError(_of_another_kind("EVALUATOR_FUNCTIONS", task, task_type, expected))


def _of_another_kind(name: str, task: ModuleType, task_type: str, expected: str) -> str:
    value = getattr(task, name)
    return f"{name} of task {task_type!r} is {value!r}; expected {expected}. Change it there."


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
    name = f"{OWN_TASK}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # as for every path that ends in .py
    task = importlib.util.module_from_spec(spec)
    sys.modules[name] = task
    try:
        spec.loader.exec_module(task)
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"task_type is {str(path)!r}, which can't be run: {_told(error, path)}; expected a file "
            "that only defines what a task needs. Mend it; python FILE shows the same."
        ) from error
    return task


def _told(error: BaseException, path: Path) -> str:
    """The error that running a file ended in, and the line of the file that it came from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    where = f"line {lines[-1]}: " if lines and lines[-1] else ""
    what = error.msg if isinstance(error, SyntaxError) else str(error)
    name = (
        "it ends the program, SystemExit" if isinstance(error, SystemExit) else type(error).__name__
    )
    return f"{where}{name}{f': {what}' if what else ''}"
