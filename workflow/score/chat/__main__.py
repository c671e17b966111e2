"""Ask a policy: both attempts as they are made, what changed between them, and what they state.

    python -m score.chat --policy results/puzzle/score
    python -m score.chat --policy results/puzzle/score --question "4 7 19 13 18 3 make 26" --json

Without --question it asks at a prompt, or takes a question a line where its input is no terminal; Ctrl-D
ends it. The policy is asked as it was trained and evaluated: prompts, request for a correction, what it
sees of its reasoning, where attempts end, how many tokens they may have. Attempts are greedy unless
--temperature says otherwise.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing

from score.chat.command import policy_flags, wanted_by
from score.files.visible import visible_lines
from score.jobs.command import Command, optional

COMMAND = Command(__spec__, __doc__)
_PROMPT = "\nquestion> "


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        **policy_flags(),
        question=optional("ask this alone, and end"),
        answer=optional("reference answer to --question, for the verdicts on both attempts"),
        json=optional("a JSON object a question, and nothing else", action="store_true"),
        temperature=optional("0 (default) is greedy", type=float, default=0.0),
        seed=optional("of the draws above temperature 0", type=int, default=0),
        max_tokens=optional("most tokens of an attempt; default: as evaluated", type=int),
    )
    with COMMAND.errors():
        _check(flags)
        from score.chat.asking import asking_of  # here, as these take seconds
        from score.chat.policy_folder import find_policy
        from score.chat.tried import TriedPolicy

        wanted = wanted_by(
            flags, temperature=flags.temperature, seed=flags.seed, max_tokens=flags.max_tokens
        )
        folder = find_policy(flags.policy, wanted)
        asking = asking_of(folder, wanted)
        with closing(TriedPolicy(folder.weights, asking)) as policy:
            gold = None if flags.answer is None else policy.gold(flags.answer)
            if not flags.json:
                print("\n".join(visible_lines(told) for told in asking.told))
            if flags.question is not None:
                _answer(policy, flags.question, gold, flags.json)
                return
            for question in _questions():
                try:
                    _answer(policy, question, None, flags.json)
                except ValueError as error:
                    print(f"{COMMAND.name}: {visible_lines(str(error))}", file=sys.stderr)


def _check(flags) -> None:
    if flags.question is not None and not flags.question.strip():
        raise ValueError("--question is empty; expected a text. Ask something, or leave it out.")
    if flags.answer is not None and flags.question is None:
        raise ValueError("--answer is given without --question; expected both. Add the question.")
    if not 0 <= flags.temperature <= 100:
        raise ValueError(
            f"--temperature is {flags.temperature}; expected 0 for greedy attempts, or more. Correct it."
        )
    if flags.max_tokens is not None and flags.max_tokens < 1:
        raise ValueError(f"--max-tokens is {flags.max_tokens}; expected at least 1. Raise it.")


def _questions() -> Iterator[str]:
    """Questions, a line each, until the input ends; lines without text are passed over."""
    asks = sys.stdin.isatty()
    if asks:
        import readline  # noqa: F401 lines can be edited and called back
    while True:
        try:
            line = input(_PROMPT) if asks else sys.stdin.readline()
        except EOFError:
            print()
            return
        if not asks and not line:
            return
        if line.strip():
            yield line.strip()


def _answer(policy, question: str, gold, as_json: bool) -> None:
    if as_json:
        print(json.dumps(policy.ask(question, gold), ensure_ascii=False), flush=True)
        return
    from score.chat.shown import Shown, summary

    shown = Shown(policy.plan)
    found = policy.ask(question, gold, shown.heard)
    print(summary(found, _takes_colours()))


def _takes_colours() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def run() -> None:
    COMMAND.run(main)


if __name__ == "__main__":
    run()
