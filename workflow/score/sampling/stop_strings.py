"""Texts that end an attempt, for policies that have no end-of-turn token.

An attempt ends with the first token after which its text holds a stop string. Its ids keep that token
whole, for it was sampled and is trained, like an end-of-turn token; its text, which verifiers read,
ends before the stop string. Text means here what `rollout.texts_of` decodes, without special tokens.
"""

from bisect import bisect_left
from collections.abc import Iterable

_SPARE = 8  # tokens without text of their own that may stand within a stop string while sampling


class StopStrings:
    """Stop strings of one tokenizer.

    strings: as they are configured. window: of how many tokens at the end of an attempt the text shows
    whether the last one completed a stop string; a token has one byte at least.
    """

    def __init__(self, tokenizer, strings: Iterable[str]):
        self.tokenizer, self.strings = tokenizer, tuple(strings)
        self.window = max(len(text.encode()) for text in self.strings) + _SPARE

    def found(self, text: str) -> tuple[int, str] | None:
        """Where the first stop string of a text begins, and which it is; the longest of several."""
        places = [(text.find(stop), -len(stop), stop) for stop in self.strings if stop in text]
        return (min(places)[0], min(places)[2]) if places else None

    def cut(self, text: str) -> str:
        """A text up to its first stop string."""
        found = self.found(text)
        return text if found is None else text[: found[0]]

    def held_by(self, rows: list[list[int]]) -> list[bool]:
        """Whether the text of each of R runs of ids holds a stop string."""
        texts = self.tokenizer.batch_decode(rows, skip_special_tokens=True)
        return [self.found(text) is not None for text in texts]

    def that_ended(self, attempt: list[int]) -> str | None:
        """The stop string in an attempt; None where it has none."""
        found = self.found(self.tokenizer.decode(attempt, skip_special_tokens=True))
        return found and found[1]

    def end(self, ids: list[int]) -> int | None:
        """How many ids there are up to and with the one that completes the first stop string."""
        if not self.held_by([ids])[0]:
            return None
        lengths = range(1, len(ids) + 1)
        return 1 + bisect_left(lengths, True, key=lambda length: self.held_by([ids[:length]])[0])


class StopIds(frozenset):
    """Token ids that end an attempt, and `strings`: the texts that do, None where no text does."""

    strings: StopStrings | None

    def __new__(cls, ids: Iterable[int] = (), strings: StopStrings | None = None):
        self = super().__new__(cls, ids)
        self.strings = strings
        return self


def attempt_end(ids: list[int], stop_ids: set[int] | StopIds) -> int | None:
    """How many ids belong to the attempt that `ids` begin with; None where nothing ends it."""
    by_id = next((i for i, token in enumerate(ids, start=1) if token in stop_ids), None)
    strings = getattr(stop_ids, "strings", None)
    by_text = strings.end(ids[:by_id]) if strings is not None else None
    return by_id if by_text is None else by_text
