"""The number puzzle of `score.puzzle`: three of the shown numbers must use up the target.

The reference answer of a problem is one of its solutions, but every solution is right: the question
is repeated in the answer, so that an attempt is checked against the rules and not against one text.
"""

from score.puzzle.puzzles import PICKS, attempt, canonical

FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = "recheck"
EVALUATOR_FUNCTIONS = ("puzzle_acc",)
MARKER = ""
MODES = ("default",)
MARKER_MODES = ()


def _read(question: str) -> tuple[list[int], int]:
    words = question.split()
    if len(words) < PICKS + 2 or words[-2] != "make":
        raise ValueError(f"puzzle is {question!r}; expected numbers and a target: '4 7 19 make 26'")
    try:
        return [int(word) for word in words[:-2]], int(words[-1])
    except ValueError:
        raise ValueError(f"puzzle is {question!r}; expected whole numbers") from None


def canonical_question(question: str) -> str:
    """Puzzles that differ only in the order of their numbers are the same puzzle."""
    return canonical(*_read(question))


def parse_gold(raw: str) -> str:
    """`<question> : <solution>`; raises ValueError where either part is missing."""
    question, separator, solution = str(raw).partition(" : ")
    _read(question)
    if not separator or not solution.strip():
        raise ValueError(f"answer is {raw!r}; expected '<puzzle> : <solution>'")
    return str(raw)


def state(answer: str, marker: str) -> str:
    return answer.partition(" : ")[2]


def extract(attempt: str, mode: str, marker: str) -> str | None:
    """The picks and remainders, without the verdict word of a second attempt."""
    words = attempt.split()
    if words[:1] in (["ok"], ["fix"]):
        words = words[1:]
    return " ".join(words) if len(words) == 2 * PICKS else None


def grade(extracted: str, answer: str, function: str) -> float:
    """1.0 when three different shown numbers and every remainder are right and nothing remains."""
    numbers, target = _read(answer.partition(" : ")[0])
    try:
        picks = [-int(word) for word in extracted.split()[::2]]
    except ValueError:
        return 0.0
    legal = len(set(picks)) == PICKS and set(picks) <= set(numbers) and sum(picks) == target
    return float(legal and extracted == attempt(picks, target))


def vote_key(extracted: str) -> str:
    """The sorted picks and the last remainder, `4 9 13 =0`: the order of the picks does not matter.

    Where the remainders do not follow from the picks, the key is the whole text.
    """
    words = extracted.split()
    try:
        picks = [-int(word) for word in words[::2]]
        target = picks[0] + int(words[1][1:]) if words[1] != "bust" else -1
    except (ValueError, IndexError):
        return extracted
    follows = len(picks) == PICKS and extracted == attempt(picks, target)
    return " ".join([*map(str, sorted(picks)), words[-1]]) if follows else extracted


# Six words are compared with six numbers, which needs no worker.
quick_grade = grade
