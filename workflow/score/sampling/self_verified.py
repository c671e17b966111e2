"""Sampling in which the policy judges its own attempt, and revises it only where it finds it wrong.

The protocol of PAG [arXiv 2506.10406, section 3.1]: attempt 1, a verifier turn that ends in a verdict,
and attempt 2 where that verdict is "wrong". Otherwise attempt 1 is the final answer. Legend of shapes: R
rollouts, N attempts. A rollout here has 2 N − 1 turns, attempts and verifier turns by turns, and a turn
that it does not take is empty.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import replace

from accelerate.utils import gather_object

from score.sampling.prompts import Bridge
from score.sampling.rollout import Generate, Rollout, cut_off, texts_of
from score.verifiers.reasoning import after_reasoning

CORRECT, WRONG, UNREAD = "correct", "wrong", "unread"

# The last sentence of a verifier turn, such as "Therefore, the answer is **wrong**."
_SENTENCE = re.compile(
    r"(?:^|[.!?:;]\s)[\s*_\"'>#-]*(?:\w+,\s)?the answer is[\s*_\"']+(correct|wrong)[\s*_\"'.!]*$",
    re.IGNORECASE,
)
_LONGEST = 200  # characters of the last line that are looked at


def read_verdict(text: str) -> str:
    """CORRECT or WRONG, as the last sentence of a verifier turn says; UNREAD where it says neither.

    The last line must end in "The answer is correct" or "The answer is wrong", as a sentence of its own.
    UNREAD counts as CORRECT, so the attempt stands: it is revised only where an error was found
    explicitly, and a verifier turn that says nothing can't earn another attempt.
    """
    last = text.rstrip().rsplit("\n", 1)[-1]
    found = _SENTENCE.search(last[-_LONGEST:])
    return found[1].lower() if found else UNREAD


class ReadVerdicts:
    """The verdicts of verifier turns, given as token ids.

    One that ran into the token limit is UNREAD, since it has not ended, and so is one that never leaves
    its reasoning. tags: of reasoning; None: there is none. opening: see Bridge.
    """

    def __init__(self, tokenizer, stop_ids: set[int], tags: list[str] | None, opening: str = ""):
        self.tokenizer, self.stop_ids, self.tags = tokenizer, stop_ids, tags
        self.opening = opening

    def __call__(self, turns: list[list[int]]) -> list[str]:
        texts = [row[0] for row in texts_of([[turn] for turn in turns], self.tokenizer)]
        said = [after_reasoning(text, self.tags, self.opening) for text in texts]
        return [
            UNREAD if text is None or cut_off(turn, self.stop_ids) else read_verdict(text)
            for turn, text in zip(turns, said, strict=True)
        ]

    def of(self, rollout: Rollout) -> list[str | None]:
        """Those of a rollout's N − 1 verifier turns, None for each that it did not take."""
        turns = rollout.attempts[1::2]
        return [said if turn else None for turn, said in zip(turns, self(turns), strict=True)]


def most_of_all_ranks(count: int) -> int:
    """The largest count of any process; every one must ask."""
    return max(gather_object([count]))


def continue_verified(
    rollouts: list[Rollout],
    bridges: tuple[Bridge, Bridge],
    generate: Generate,
    stop_ids: set[int],
    turns: int,
    read: Callable[[list[list[int]]], list[str]],
    seeds: list[list[int]] | None = None,
    history: str = "whole",
) -> list[Rollout]:
    """R rollouts of one attempt, continued up to N = `turns` attempts; those given stay as they are.

    bridges: to a verifier turn, and from there to a revision. read: verdicts of verifier turns. seeds: R
    lists of 2 N − 1, attempt 1 included, or None. history: what an attempt after the second goes on
    from, the whole conversation or the problem and the last attempt. Every process samples for as many
    rollouts, since sharded weights (ZeRO-3) need all of them in every pass; what a process samples
    beyond need is dropped.
    """
    rollouts, strips = copy.deepcopy(rollouts), bridges[0].history is not None
    seen = [
        list(rollout.prompt) for rollout in rollouts
    ]  # what each one's last turn was sampled on
    going = list(range(len(rollouts)))
    for place in range(1, 2 * turns - 1):
        bridge = bridges[1 - place % 2]
        for i in going:
            starts_anew = history == "last" and place % 2
            before = rollouts[i].prompt if starts_anew else seen[i]
            seen[i] = bridge.next_context(before, rollouts[i].attempts[-1])
        drawn = None if seeds is None else [row[place] for row in seeds]
        written = _generated(generate, seen, going, drawn)
        for i, rollout in enumerate(rollouts):
            taken = i in written
            last = rollout.attempts[-1]
            rollout.bridges.append(bridge.after(last) if taken else [])
            rollout.attempts.append(written.get(i, []))
            rollout.truncated.append(taken and cut_off(written[i], stop_ids))
            if strips:
                rollout.contexts.append(seen[i])
        if place % 2:
            verdicts = read([written[i] for i in going])
            going = [i for i, said in zip(going, verdicts, strict=True) if said == WRONG]
    return rollouts


def _generated(
    generate: Generate, prompts: list[list[int]], wanted: list[int], seeds: list[int] | None
) -> dict[int, list[int]]:
    """What is sampled for the prompts at `wanted`, by place; nothing where no process wants any.

    Where the sampler tells log-probabilities, its list of this call gets an entry for every prompt.
    """
    count = most_of_all_ranks(len(wanted))
    asked = [*wanted, *(i % len(prompts) for i in range(count - len(wanted)))]
    sampled = []
    if asked:
        drawn = None if seeds is None else [seeds[i] for i in asked]
        sampled = generate([prompts[i] for i in asked], drawn)
    if getattr(generate, "tell", False):
        told = dict(zip(wanted, generate.logps.pop() if asked else [], strict=False))
        generate.logps.append([told.get(i, []) for i in range(len(prompts))])
    return dict(zip(wanted, sampled, strict=False))


def as_attempts(rollout: Rollout) -> Rollout:
    """The rollout as its N attempts, each that was not revised the one before again.

    critiques: what the verifier turns between them say. For texts and verdicts, not for training.
    """
    attempts, truncated = [rollout.attempts[0]], [rollout.truncated[0]]
    for revised, cut in zip(rollout.attempts[2::2], rollout.truncated[2::2], strict=True):
        attempts.append(revised or attempts[-1])
        truncated.append(cut if revised else truncated[-1])
    return replace(
        rollout,
        attempts=attempts,
        truncated=truncated,
        critiques=rollout.attempts[1::2],
        bridges=[],
        contexts=[],
        sampler_logps=[],
    )


def verified_columns(rollout: Rollout, verdicts: list[str | None]) -> dict:
    """Columns of sampled.parquet that tell of the verifier turns, over those of `as_attempts`.

    verdicts: of the N − 1 verifier turns, None for one that was not taken.
    """
    row = {}
    for t, (said, revision) in enumerate(
        zip(verdicts, rollout.attempts[2::2], strict=True), start=2
    ):
        row |= {f"self_verdict_t{t}": said, f"revised_t{t}": bool(revision)}
        row[f"critique_ids_t{t}"] = rollout.attempts[2 * t - 3]
        row[f"tokens_t{t}"] = len(revision)
    return row
