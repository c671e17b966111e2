"""What an attempt says behind its reasoning: nothing inside a reasoning block states an answer."""

import re
from collections.abc import Sequence

TAGS = ("<think>", "</think>")


class VerifierBehind:
    """A Verifier whose attempts all stand behind the same text of the chat template, its `opening`."""

    def __init__(self, verifier, opening: str):
        self.verifier, self.opening = verifier, opening

    def __call__(
        self, attempts: Sequence[str], answers: Sequence, progress=None, questions=None
    ) -> list:
        return self.verifier(attempts, answers, progress, self.opening, questions)

    def grading(self):
        """As the Verifier's own."""
        return self.verifier.grading(self.opening)

    def __getattr__(self, name: str):
        return getattr(self.verifier, name)


def check_tags(tags: Sequence[str] | None) -> None:
    """ValueError unless there are two different tags, or none."""
    if tags is None:
        return
    texts = not isinstance(tags, str) and all(isinstance(tag, str) and tag.strip() for tag in tags)
    if not texts or len(tags) != 2 or tags[0] == tags[1]:
        raise ValueError(
            f"reasoning_tags is {tags!r}; expected two different texts, the one that opens a block "
            "and the one that ends it. Write both, as in [<think>, </think>], or null for none."
        )


def after_reasoning(attempt: str, tags: Sequence[str] | None, opening: str = "") -> str | None:
    """The part of an attempt that may state an answer; None while a reasoning block is open.

    tags: what opens and what ends a block; None: the attempt counts whole. opening: the text that
    the chat template writes just before the attempt, which may have opened a block. What counts is
    the text behind the end of the last block. Blocks may be nested, and an ending tag without an
    opening one ends a block that was opened before the attempt.
    """
    start = answer_start(attempt, tags, opening)
    if start is None:
        return None
    return attempt[start:].lstrip() if start else attempt


def answer_start(attempt: str, tags: Sequence[str] | None, opening: str = "") -> int | None:
    """Where in an attempt the part begins that `after_reasoning` returns; None while a block is open.

    It is where the last block ends, before any white space there; 0 where the attempt ends none.
    """
    if tags is None or (not opening and tags[0] not in attempt and tags[1] not in attempt):
        return 0
    depth, _ = _walk(opening, tags, 0)
    if depth and attempt.lstrip().startswith(tags[0]):
        depth -= 1  # the attempt repeats the tag that the template has written already
    depth, end = _walk(attempt, tags, depth)
    return None if depth else end


def _walk(text: str, tags: Sequence[str], depth: int) -> tuple[int, int]:
    """How many blocks are open behind a text that begins inside `depth`, and where the last ended."""
    end = 0
    for tag in re.finditer("|".join(map(re.escape, tags)), text):
        if tag[0] == tags[0]:
            depth += 1
        else:
            depth = max(0, depth - 1)
            end = end if depth else tag.end()
    return depth, end
