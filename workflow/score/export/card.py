"""The model card of an exported policy, README.md, filled from its run."""

import re
from pathlib import Path

import yaml

from score.comparison.tables import interval, markdown_table
from score.export.origin import Origin, is_hub_name
from score.files.visible import in_code, in_markdown
from score.problems.sources import looks_like_path
from score.report.sentence import WAYS
from score.sampling.plain_prompts import PlainBridge
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.settings import sampled_in

# Settings that say how a policy was trained, in the order of the card.
_TRAINED = (
    *("objective", "learning_rate", "lr_scheduler_type", "num_warmup_steps", "total_episodes"),
    *("total_tokens", "number_output_initial_generations", "per_device_train_batch_size"),
    *("gradient_accumulation_steps", "temperature", "max_tokens", "init_kl_coef", "corr_kl_coef"),
    *("stage2_alpha", "precision", "use_lora", "lora_rank", "lora_alpha", "random_seed"),
)
_COLUMNS = (
    "policy",
    "problems",
    "seeds",
    "Accuracy@t1",
    "Accuracy@t2",
    "Δ(t1,t2)",
    "Δ i→c",
    "Δ c→i",
)


def model_card(origin: Origin, plan: SamplingPlan, code: str, dtype: str, checked: str) -> str:
    """The card as Markdown. code: the protocol. checked: a sentence on how the export was checked."""
    parts = [
        _head(origin),
        f"# {in_markdown(origin.name)}",
        _what(origin, plan),
        "## Results",
        _results(origin, plan, dtype),
        "## Use",
        _use(plan, code, checked),
        "## Training",
        _training(origin),
        "## Data",
        _data(origin),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _head(origin: Origin) -> str:
    head = {"license": origin.licence}
    head["base_model"] = origin.base if is_hub_name(origin.base) else None
    paths = [str(source.get("path")) for source in origin.sources]
    names = {re.split("[:@]", path)[0] for path in paths if not looks_like_path(path)}
    head["datasets"] = sorted(filter(is_hub_name, names))
    head |= {"pipeline_tag": "text-generation", "library_name": "transformers"}
    head["tags"] = ["self-correction", "reinforcement-learning", "score"]
    told = {key: value for key, value in head.items() if value}
    return f"---\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}---"


def _what(origin: Origin, plan: SamplingPlan) -> str:
    objective = origin.settings.get("objective")
    way = WAYS.get(objective, objective and in_markdown(str(objective)))
    made = f", trained by {way}" if way else ""
    start = f" from {in_code(_named(origin.base))}" if origin.base else ""
    return (
        f"A language model for the task {in_code(Path(plan.settings.task_type).name)} that answers a "
        f"question twice in one conversation, the second time to correct the first{made}{start}, with "
        "an open implementation of *Training Language Models to Self-Correct via Reinforcement "
        "Learning* ([Kumar et al., 2024](https://arxiv.org/abs/2409.12917)). "
        + (
            f"The base policy's card names the licence {in_code(origin.licence)}."
            if origin.licence
            else "The licence of the base policy is not known here; find it out before you pass this on."
        )
    )


def _named(base: str) -> str:
    """A base as others may read it: of a folder somewhere on this machine its name alone."""
    return Path(base).name if Path(base).is_absolute() else base


def _results(origin: Origin, plan: SamplingPlan, dtype: str) -> str:
    if not origin.rows:
        return "No table of results was at hand when this was exported."
    rows = [_COLUMNS, *map(_row, origin.rows)]
    settings, own = plan.settings, origin.rows[-1]
    how = f"at temperature {settings.temperature:g}" if settings.temperature else "greedy"
    told = (
        f"Percent of held-out test problems with 95 % intervals; attempts are {how}, of at most "
        f"{settings.max_tokens:,} tokens. Intervals count how problems differ and, of a policy with "
        "several seeds, how these do; with one seed they say nothing of how another training would "
        "differ."
    )
    notes = []
    if int(float(own.get("seeds") or 1)) > 1:
        notes.append(
            f"The numbers are means over {own['seeds']} trainings; these weights are of one of them, "
            f"{in_code(origin.instance or '')}."
        )
    if origin.changed:
        notes.append(
            "These weights are not those that the numbers were reported of: they were made anew."
        )
    measured = sampled_in(origin.settings.get("precision", dtype))
    if measured != dtype:
        rounded = "rounded to" if dtype == "bfloat16" else "in"
        notes.append(f"The numbers are of weights in {measured}, these are {rounded} {dtype}.")
    if origin.settings.get("use_lora"):
        notes.append(
            "It was trained as a LoRA adapter, which is merged into the base's weights here."
        )
    notes.append(
        "They are of the problems and prompts told of below; other questions, other words or another "
        "request for a correction were not measured."
    )
    return "\n\n".join([markdown_table(rows).rstrip(), told, "\n".join(f"* {n}" for n in notes)])


def _row(row: dict) -> list[str]:
    def percent(name: str, signed: bool = False) -> str:
        return interval(
            *(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")), signed=signed
        )

    try:
        return [
            row["policy"],
            f"{int(float(row['num_problems'])):,}",
            row.get("seeds", ""),
            percent("accuracy_t1"),
            percent("accuracy_t2"),
            percent("delta", signed=True),
            percent("incorrect_to_correct"),
            percent("correct_to_incorrect"),
        ]
    except (KeyError, TypeError, ValueError):
        return [str(row.get("policy", "")), *["?"] * (len(_COLUMNS) - 1)]


def _use(plan: SamplingPlan, code: str, checked: str) -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    asked = "\n\n".join(f"> {in_markdown(m, None)}" for m in plan.messages_between)
    served = (
        "Served elsewhere, as by vLLM, ask in plain text of the same layout."
        if isinstance(plan.bridges[0], PlainBridge)
        else "Served elsewhere, as by vLLM, it is a chat: the question, its answer as an assistant's "
        "message, and that request as the next user message. The second turn continues the tokens of "
        "the first, so a server that reads an answer as text again may come to other tokens."
    )
    return (
        f"This message stands between the attempts, whether the first was right or wrong:\n\n{asked}\n\n"
        f"{fence}python\n{code.rstrip()}\n{fence}\n\n{checked}\n\n{served}"
    )


def _training(origin: Origin) -> str:
    rows = [("setting", "value")]
    unused = () if origin.settings.get("use_lora") else ("use_lora", "lora_rank", "lora_alpha")
    for key in _TRAINED:
        if origin.settings.get(key) is not None and key not in unused:
            rows.append((key, str(origin.settings[key])))
    if len(rows) == 1:
        return "Nothing is recorded of its training."
    by = (
        f" The run was reported by commit {in_code(origin.commit)} of the code."
        if origin.commit
        else ""
    )
    return f"{markdown_table(rows)}\nAll settings are in `score_settings.json`.{by}"


def _data(origin: Origin) -> str:
    lines = []
    for source in origin.sources:
        revision = (
            f", revision {in_code(str(source['revision']))}" if source.get("revision") else ""
        )
        path = _named(str(source.get("path")))
        lines.append(
            f"* {in_markdown(str(source.get('role')))}: {in_code(path)}, split "
            f"{in_markdown(str(source.get('split')))}{revision}, licence "
            f"{in_markdown(str(source.get('licence') or 'unknown'))}, sha256 "
            f"{in_code(str(source.get('sha256')))}"
        )
    for split, told in origin.splits.items():
        count = told["problems"]
        size = f"{count:,} problems" if isinstance(count, int) else "problems"
        lines.append(f"* {in_markdown(split)} as it was used: {size}, sha256 `{told['sha256']}`")
    return "\n".join(lines) or "Nothing is recorded of the data."
