"""Open questions (Natural Questions open): a short answer, any of several golds counts.

With mode "default" the whole attempt is the answer, save a leading marker; with mode "final" only
what follows the last marker, up to the end of its line. Train with em or f1: in_acc also pays a line
that names many candidates, and in the default mode a whole attempt that does. Texts are compared as
words:

    in_acc  1 when a gold's words occur in the answer as a run of words, else 0
    em      1 when the answer equals a gold, else 0
    f1      the best F1 over words between the answer and a gold; "correct" from 0.5 on

The words are SQuAD's, without punctuation, articles and case, save that numbers keep sign, point and
magnitude and words like C++ their sign (the table in score.tasks._qa_words). in_acc_official,
em_official and f1_official are the same over SQuAD's own words, for figures beside published ones: they
also pay 314 for 3.14.
"""

import re
import unicodedata
from collections import Counter
from fractions import Fraction

from score.tasks._marker import after_last_marker
from score.tasks._qa_words import ARTICLES, normalise, squad

FIRST_PROMPT = (
    "Answer this question. Think it through in a few sentences, then end with the answer itself, "
    "as short as possible, in exactly this form:\nFinal Answer: answer\n\nQuestion: {question}"
)
CORRECTION_PROMPT = (
    "Your answer above may or may not hold up. Go over the facts behind it once more. Change the "
    "answer if something in it is wrong, keep it if it is right, and end in exactly this form:\n"
    "Final Answer: answer"
)
CRITIQUE_PROMPT = (
    "Comment on your answer above: which facts it rests on, how sure each of them is, and whether it "
    "answers what was asked. Do not give a new answer yet."
)
REFINE_PROMPT = (
    "Now answer the question again in the light of your comments. Think it through in a few "
    "sentences, and end in exactly this form:\nFinal Answer: answer"
)
VERIFY_PROMPT = (
    "Check your answer above: go over each fact that it rests on, and whether it answers what was "
    "asked. End with your verdict as the last sentence, in exactly one of these two forms: "
    "The answer is correct. The answer is wrong."
)
REVISE_PROMPT = (
    "Taking your check into account, answer the question again. Think it through in a few sentences, "
    "and end in exactly this form:\nFinal Answer: answer"
)
OFFICIAL = "_official"
EVALUATOR_FUNCTIONS = ("in_acc", "em", "f1", "in_acc_official", "em_official", "f1_official")
MARKER = "Final Answer:"


def parse_gold(raw) -> list[str]:
    """The golds as a list of texts. ValueError(reason) for a gold that nothing could match."""
    golds = [raw] if isinstance(raw, str) else raw
    if not isinstance(golds, list | tuple) or not golds:
        raise ValueError(f"the gold is {raw!r}, not a text or a non-empty list of texts")
    for gold in golds:
        if not isinstance(gold, str):
            raise ValueError(f"the gold {gold!r} is not a text")
        if not normalise(gold):
            raise ValueError(f"the gold {gold!r} is empty once normalised")
    return list(golds)


def state(answer: list[str] | str, marker: str) -> str:
    gold = answer if isinstance(answer, str) else answer[0]
    return f"{marker} {' '.join(gold.split())}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    """The whole attempt, or the line behind the last marker; None when that is empty."""
    if mode == "final":
        start = after_last_marker(attempt, marker)
        if start is None:
            return None
        attempt = attempt[start:].lstrip(" \t\r\n*_`").partition("\n")[0]
    elif marker.strip():
        attempt = attempt.removeprefix(marker)
    return attempt.strip() or None


def grade(extracted: str, answer: list[str] | str, function: str) -> float:
    """The best score over the golds, in [0, 1]."""
    golds = [answer] if isinstance(answer, str) else answer
    words = squad if function.endswith(OFFICIAL) else normalise
    stated, score = words(extracted), _SCORES[function.removesuffix(OFFICIAL)]
    return max((score(stated, words(gold)) for gold in golds), default=0.0)


def vote_key(extracted: str) -> str:
    """The answer as it is compared with golds, so that articles and punctuation split no votes."""
    return normalise(extracted)


def quick_grade(extracted: str, answer: list[str] | str, function: str) -> float | None:
    """Grading a text of usual length is cheap and certain, so it needs no worker."""
    return grade(extracted, answer, function) if len(extracted) <= 20_000 else None


def is_correct(score: float, function: str) -> bool:
    return score >= 0.5 if function.removesuffix(OFFICIAL) == "f1" else score == 1.0


def second_opinion(extracted: str, answer: list[str] | str, function: str) -> bool | None:
    """Whether the answer holds a gold letter for letter and number for number.

    For a report, never a reward. Accents and word breaks don't count: "Spider-Man" is "spider man" here
    and "Beyoncé" is "Beyonce", unlike in `grade`. Numbers are compared by value and sign, without units
    and scales; neither grader reads those that are written as words. None for f1 and very long texts.
    """
    function = function.removesuffix(OFFICIAL)
    if function == "f1" or len(extracted) > 20_000:
        return None
    golds = [answer] if isinstance(answer, str) else answer
    return any(_same(extracted, gold, whole=function == "em") for gold in golds)


def _same(extracted: str, gold: str, whole: bool) -> bool:
    """Whether an answer is a gold, or holds it, by `_letters` and `_values`."""
    words, wanted = _letters(extracted), "".join(_letters(gold))
    if whole:
        return bool(wanted) and "".join(words) == wanted and _values(extracted) == _values(gold)
    return bool(wanted) and _stands_in(words, wanted) and not _values(gold) - _values(extracted)


def _letters(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = re.sub(r"(?<=\d),(?=\d{3})|(?<!\d)0(?=\.\d)", "", plain)
    return [word for word in re.findall(r"[^\W_]+[+#]*", plain) if word not in ARTICLES]


def _values(text: str) -> Counter[Fraction]:
    """The numbers of a text and how often it holds each."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", unicodedata.normalize("NFKD", text))
    found = re.findall(r"((?<![^\s(*$€£])[-−–])?[$€£]?(\d+(?:\.\d+)?|\.\d+)", text)
    return Counter(-Fraction(number) if sign else Fraction(number) for sign, number in found)


def _stands_in(words: list[str], gold: str) -> bool:
    """Whether some words in a row, joined, are `gold`."""
    for start in range(len(words)):
        joined, end = "", start
        while len(joined) < len(gold) and end < len(words):
            joined, end = joined + words[end], end + 1
        if joined == gold:
            return True
    return False


def _in_accuracy(stated: str, gold: str) -> float:
    return float(bool(gold) and f" {gold} " in f" {stated} ")


def _exact_match(stated: str, gold: str) -> float:
    return float(bool(gold) and stated == gold)


def _f1(stated: str, gold: str) -> float:
    stated_words, gold_words = stated.split(), gold.split()
    shared = sum((Counter(stated_words) & Counter(gold_words)).values())
    return 2 * shared / (len(stated_words) + len(gold_words)) if shared else 0.0


_SCORES = {"in_acc": _in_accuracy, "em": _exact_match, "f1": _f1}
