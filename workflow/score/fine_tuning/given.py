"""Make examples of given attempts, for supervised fine-tuning (`objective: supervised`).

    python -m score.fine_tuning.given --settings settings.json --policy POLICY \\
        --attempts demonstrations.csv --held-out validation.jsonl test.jsonl \\
        --examples examples.jsonl --report examples.json

Rows have `question`, `attempt_1` and, where the second attempt is imitated, `attempt_2`: texts, in any
format that problems may have. An attempt becomes the token ids of its text and the template's end of
turn (with prompt_format plain, the first of the stop strings). Nothing is judged: what is right to
imitate is for the one who gives it.
"""

from collections import Counter
from pathlib import Path

from score.fine_tuning.examples import Example, write_examples, write_report
from score.fine_tuning.settings import LOSS_ON, GivenSettings
from score.jobs.command import Command, optional, several
from score.policies.fitness import check_policy
from score.problems.numbers import missing
from score.problems.problem import question_key, read_problems
from score.problems.sources import read_source
from score.sampling.few_shot import read_few_shot
from score.sampling.plain_prompts import PlainPrompts, plain_prompts_of
from score.sampling.prompt_settings import task_of
from score.sampling.prompts import Bridge, first_messages, prompt_ids, system_prompt_of
from score.sampling.tokenizers import asking_tokenizer

COMMAND = Command(__spec__, __doc__)


def read_attempts(path: str | Path, loss_on: str) -> list[dict[str, str]]:
    """Rows of texts `question`, `attempt_1` and, for the second attempt, `attempt_2`.

    ValueError names the row and column that holds none.
    """
    rows, _ = read_source(str(path))
    if not rows:
        raise ValueError(f"given attempts {path} has no rows; expected some. Name another file.")
    needed = ["question", *(f"attempt_{turn}" for turn in range(1, max(LOSS_ON[loss_on]) + 1))]
    for number, row in enumerate(rows, start=1):
        for column in needed:
            value = row.get(column)
            if not isinstance(value, str) or not value.strip() or missing(value) is not None:
                raise ValueError(
                    f"given attempts {path}, row {number}: {column} is {value!r}; expected a text, "
                    f"with loss_on: {loss_on}. Columns are {sorted(row)}. Complete the row or the file."
                )
    return [{column: row[column].strip() for column in needed} for row in rows]


def refuse_held_out(rows: list[dict[str, str]], held_out: list[str], task) -> None:
    """ValueError where a row asks what a validation or test problem asks."""
    key = question_key(task)
    kept = {key(p.question): (p.id, path) for path in held_out for p in read_problems(path)}
    found = [
        (i, kept[key(r["question"])]) for i, r in enumerate(rows, 1) if key(r["question"]) in kept
    ]
    if found:
        number, (problem, path) = found[0]
        raise ValueError(
            f"given attempts: {len(found)} rows ask held-out problems, the first of them row {number}, "
            f"which asks problem {problem!r} of {Path(path).name}; expected none. Remove these rows."
        )


def make_examples(
    rows: list[dict[str, str]],
    turns: tuple[int, ...],
    tokenizer,
    task,
    few_shot: list,
    tags: list[str] | None,
) -> list[Example]:
    """An example for each imitated attempt, behind all that the policy sees before it.

    turns: which attempts are imitated. tags: of reasoning; None: there is none. ValueError where a text
    holds a special token, which would end or restructure the conversation.
    """
    bridge = Bridge.from_tokenizer(tokenizer, task.CORRECTION_PROMPT, system_prompt_of(task))
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    plain, examples = plain_prompts_of(tokenizer), []
    for number, row in enumerate(rows, start=1):
        ids = prompt_ids(tokenizer, first_messages(row["question"], task, few_shot))
        for turn in range(1, max(turns) + 1):
            text = row[f"attempt_{turn}"]
            if special.intersection(tokenizer(text, add_special_tokens=False)["input_ids"]):
                raise ValueError(
                    f"given attempts, row {number}: attempt_{turn} holds a special token of the policy; "
                    "expected the text alone, since the end of turn is added here. Remove it."
                )
            if plain is None:
                text = _begun(text, bridge, tags, f"row {number}: attempt_{turn}")
                attempt = [*tokenizer(text, add_special_tokens=False)["input_ids"], bridge.end]
            else:
                attempt = _plain_attempt(plain, row, turn, number)
            if turn in turns:
                kind = f"given_t{turn}"
                examples.append(
                    Example(f"row {number}", 0, turn - 1, kind, ids + attempt, len(ids))
                )
            ids = bridge.next_context(ids, attempt)
    return examples


def _plain_attempt(plain: PlainPrompts, row: dict[str, str], turn: int, number: int) -> list[int]:
    try:
        return plain.attempt_ids(row[f"attempt_{turn}"])
    except ValueError as error:
        raise ValueError(f"given attempts, row {number}: attempt_{turn} {error}") from None


def _begun(text: str, bridge: Bridge, tags: list[str] | None, where: str) -> str:
    """The attempt behind what the template writes before one without reasoning, where it has none.

    ValueError where the template opens a block of reasoning that the attempt doesn't end.
    """
    if tags is None:
        return bridge.answer + text
    opening, ending = tags
    before = bridge.opening + bridge.answer
    opened = before.rfind(opening)
    is_open = opened > before.rfind(ending)
    if ending in text:
        if is_open:  # a text that opens the block too would open it twice
            text = text.removeprefix(before[opened:]).removeprefix(opening)
        return text
    if is_open:
        raise ValueError(
            f"given attempts, {where} holds no {ending}, and the chat template begins attempts with "
            f"{opening}; expected reasoning that ends. Write it and {ending} before the answer, or set "
            "prompts.chat_template_kwargs to {enable_thinking: false} where the template reads that."
        )
    return bridge.answer + text


def report(rows: list[dict[str, str]], examples: list[Example]) -> dict:
    """Counts of what is imitated; nothing was sampled. Lengths are in tokens, end of turn included."""
    lengths = [len(example.input_ids) - example.context for example in examples]
    return {
        "rows": len(rows),
        "attempts_sampled": 0,
        "examples": len(examples),
        "examples_by_kind": dict(Counter(example.kind for example in examples)),
        "mean_tokens": sum(lengths) / len(lengths),
        "most_tokens": max(lengths),
    }


def main(arguments: list[str] | None = None) -> None:
    flags = COMMAND.flags(
        arguments,
        settings="JSON file of GivenSettings",
        policy="policy that is fine-tuned: folder or hub name",
        attempts="file of questions and attempts",
        held_out=several("JSON Lines of problems that must not be imitated"),
        few_shot_dir=optional("folder of worked examples"),
        examples="JSON Lines to write, one an example",
        report="JSON file to write: counts",
    )
    with COMMAND.errors():
        settings = GivenSettings.read(flags.settings)
        task = task_of(settings)
        rows = read_attempts(flags.attempts, settings.loss_on)
        refuse_held_out(rows, flags.held_out, task)
        check_policy(flags.policy, settings.cache_dir, settings.trust_remote_code)
        tokenizer = asking_tokenizer(flags.policy, settings)
        few_shot = read_few_shot(flags.few_shot_dir, settings.task_type)
        examples = make_examples(
            rows, LOSS_ON[settings.loss_on], tokenizer, task, few_shot, settings.reasoning_tags
        )
    counts = report(rows, examples)
    write_examples(flags.examples, examples)
    write_report(flags.report, counts, flags.examples)
    print(f"{counts['examples']} examples of {counts['rows']} rows: {counts['examples_by_kind']}")


if __name__ == "__main__":
    COMMAND.run(main)
