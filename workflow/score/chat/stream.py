"""Attempts token by token as they are sampled, and their text in pieces that can be shown at once."""

from collections.abc import Callable

from score.sampling.decode import Choose
from score.sampling.generate import HFGenerate
from score.sampling.plain_prompts import plain_prompts_of
from score.sampling.rollout import texts_of

# (token ids so far, whether these are all) of the attempt or critique that is being sampled.
Heard = Callable[[list[int], bool], None]


class StreamedGenerate(HFGenerate):
    """`HFGenerate` of one conversation, whose tokens are heard as they are sampled.

    margins: of each call since the list was emptied, by how much the logit of each token was above the
    next best one's. anew: whether nothing is taken from the cache of the call before.
    """

    heard: Heard | None = None
    anew = False

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.margins: list[list[float]] = []

    def __call__(self, prompts: list[list[int]], seeds: list[int] | None) -> list[list[int]]:
        if self.anew:
            self.kept = None
        sampled = super().__call__(prompts, seeds)
        if self.heard is not None:
            for ids in sampled:
                self.heard(ids, True)
        return sampled

    def _chooser(self, draws, rows: int) -> tuple[Choose, list[list[float]]]:
        choose, told = super()._chooser(draws, rows)
        ids: list[int] = []
        margins: list[float] = []
        self.margins.append(margins)

        def heard(logits, here: list[int], position: int) -> list[int]:
            tokens = choose(logits, here, position)
            best = logits[0].topk(2).values.tolist()
            margins.append(best[0] - best[1])
            ids.append(tokens[0])
            if self.heard is not None:
                self.heard(list(ids), False)
            return tokens

        return heard, told


class TextPieces:
    """The text of an attempt in pieces, which together are what `texts_of` makes of the whole.

    A piece is held back while more tokens could still change it: half a character, white space that may
    be the last, and the beginning of a stop string.
    """

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        plain = plain_prompts_of(tokenizer)
        self.stops = None if plain is None else plain.stops
        self.text = ""  # of the tokens that have been read
        self.shown = ""
        self._start = self._read = 0  # of the tokens that the next ones are decoded behind

    def add(self, ids: list[int]) -> str:
        """The piece by which the text of these ids, those before and one or more new, is longer."""
        before, now = (self._decoded(ids[self._start : end]) for end in (self._read, len(ids)))
        if len(now) > len(before) and not now.endswith("\ufffd"):
            self.text += now[len(before) :]
            self._start, self._read = self._read, len(ids)
        text = self.text.strip()
        if self.stops is not None:
            cut = self.stops.cut(self.text)
            text = (cut if cut != self.text else self._without_begun_stop()).strip()
        piece = text[len(self.shown) :]
        self.shown += piece
        return piece

    def rest(self, ids: list[int]) -> str:
        """The last piece, once the attempt has ended with these ids."""
        whole = texts_of([[ids]], self.tokenizer)[0][0]
        if whole.startswith(self.shown):
            return whole[len(self.shown) :]
        return f"\n{whole}"  # the tokenizer decodes the whole differently from its parts

    def _decoded(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def _without_begun_stop(self) -> str:
        longest = max(map(len, self.stops.strings)) - 1
        for length in range(min(longest, len(self.text)), 0, -1):
            if any(stop.startswith(self.text[-length:]) for stop in self.stops.strings):
                return self.text[:-length]
        return self.text
