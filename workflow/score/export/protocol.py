"""The two-turn protocol as plain transformers code, written with what one policy is asked by.

The code stands in the model card, and the export runs it before it keeps anything: what a reader copies
is what was checked. Everything in it that comes from settings is a Python literal.
"""

from score.sampling.plain_prompts import PlainBridge
from score.sampling.prompts import Bridge, first_messages, work_out_text
from score.sampling.sampling_plan import SamplingPlan

_LOAD = """\
{imports}import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PATH = {path!r}
tokenizer = AutoTokenizer.from_pretrained(PATH{trust})
model = AutoModelForCausalLM.from_pretrained(PATH, dtype="auto"{trust}).eval()


def attempt(ids):  # as generation_config.json says: when it ends, and {how}
    given = torch.tensor([ids], device=model.device)
    made = model.generate(given, attention_mask=torch.ones_like(given){stops})
    return made[0, len(ids) :].tolist()
"""

_CHAT_PROMPT = """\
def prompt(question):
    messages = {before}[{{"role": "user", "content": {first!r}.replace("{{question}}", question)}}]
    asked = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True{variables}
    )
    return tokenizer(asked, add_special_tokens=False).input_ids
"""

_THEN = """\
def then(ids, said, between):  # up to the next turn; a turn that was cut off gets its end here
    between = tokenizer(between, add_special_tokens=False).input_ids
    return ids + said + between[said[-1] in {ends!r} :]
"""

_THEN_STRIPPED = """\
def then(ids, said, between):  # up to the next turn, which does not see the reasoning of those before
    text = tokenizer.decode(said, skip_special_tokens=True)
    opened = {opens!r} in {opening!r} + text
    start = text.rfind({closes!r}) + {length} if {closes!r} in text else len(text) if opened else 0
    start = len(text) - len(text[start:].lstrip({drops!r})) if start else 0
    texts = (tokenizer.decode(said[:n], skip_special_tokens=True) for n in range(len(said) + 1))
    skipped = next(n for n, begun in enumerate(texts) if len(begun) >= start)
    answer = said[skipped:] if text[start:].strip() else []
    ids = ids[: len(ids) - {count}] + ({before!r} if answer else {nothing!r}) + answer
    between = tokenizer(between, add_special_tokens=False).input_ids
    return ids + between[bool(answer) and answer[-1] in {ends!r} :]
"""

_PLAIN_PROMPT = """\
def prompt(question):
    asked = {text!r}.replace("{{question}}", question)
    return {begin!r} + tokenizer(asked, add_special_tokens=False).input_ids
"""

_PLAIN_THEN = """\
def then(ids, said, between):  # up to the next turn, by the text at which this one ended
    text = tokenizer.decode(said, skip_special_tokens=True)
    found = [(text.find(stop), -len(stop), stop) for stop in {stops!r} if stop in text]
    return ids + said + between[min(found)[2] if found else ""]
"""

_TURNS = {
    "correction": (
        ("CORRECTION",),
        """\
def answer_twice(question):
    ids = prompt(question)
    first = attempt(ids)
    return first, attempt(then(ids, first, CORRECTION))
""",
    ),
    "self_refine": (
        ("CRITIQUE", "REFINE"),
        """\
def answer_twice(question):
    ids = prompt(question)
    first = attempt(ids)
    ids = then(ids, first, CRITIQUE)
    return first, attempt(then(ids, attempt(ids), REFINE))
""",
    ),
    "pag": (
        ("VERIFY", "REVISE"),
        """\
def answer_twice(question):
    ids = prompt(question)
    first = attempt(ids)
    ids = then(ids, first, VERIFY)
    verdict = attempt(ids)
    said = tokenizer.decode(verdict, skip_special_tokens=True).strip(" \\n*_.!\\"'").lower()
    ended = verdict[-1] in model.generation_config.eos_token_id
    is_wrong = ended and "the answer is" in said[-30:] and said.endswith("wrong")
    return first, attempt(then(ids, verdict, REVISE)) if is_wrong else first
""",
    ),
}

_USE = """\
for said in answer_twice({question!r}):
    print(tokenizer.decode(said, skip_special_tokens=True){cut})
"""


def definitions(plan: SamplingPlan, path: str, trusts_code: bool = False) -> str:
    """Code of `answer_twice(question)`: the token ids of both attempts. path: of the export."""
    plain = isinstance(plan.bridges[0], PlainBridge)
    settings, (names, turns) = plan.settings, _TURNS[plan.settings.prompting]
    stops = plain and list(plan.bridges[0].stops.strings)
    parts = _plain_parts(plan) if plain else _chat_parts(plan)
    load = _LOAD.format(
        imports="import datetime\n\n" if any("datetime." in part for part in parts) else "",
        path=path,
        trust=", trust_remote_code=True" if trusts_code else "",
        stops=f", stop_strings={stops!r}, tokenizer=tokenizer" if plain else "",
        how=f"at temperature {settings.temperature:g}" if settings.temperature else "greedily",
    )
    texts = [_between(plan, i) for i in range(len(names))]
    given = "".join(f"{name} = {text!r}\n" for name, text in zip(names, texts, strict=True))
    what = "# Between two turns, in the token ids of the layout: " if plain else _TEMPLATE_WRITES
    return "\n\n".join([load, f"{what}\n{given}", *parts, turns])


_TEMPLATE_WRITES = (
    "# What the chat template writes between two turns, with what the run asked there:"
)


def usage(plan: SamplingPlan, question: str) -> str:
    """Code that prints both attempts at a question."""
    bridge = plan.bridges[0]
    one = isinstance(bridge, PlainBridge) and len(bridge.stops.strings) == 1
    cut = f".partition({bridge.stops.strings[0]!r})[0]" if one else ""
    return _USE.format(question=question, cut=cut)


def _between(plan: SamplingPlan, which: int) -> str | dict[str, list[int]]:
    bridge = plan.bridges[which]
    if isinstance(bridge, PlainBridge):
        return {"": list(bridge.ids)} | {stop: list(ids) for stop, ids in bridge.behind.items()}
    message = plan.messages_between[which]
    return work_out_text(plan.tokenizer, message, getattr(plan.task, "SYSTEM_PROMPT", None)).after


def _chat_parts(plan: SamplingPlan) -> list[str]:
    bridge: Bridge = plan.bridges[0]
    *before, last = first_messages("{question}", plan.task, plan.few_shot)
    prompt = _CHAT_PROMPT.format(
        before=f"{before!r} + " if before else "",
        first=last["content"],
        variables="".join(
            f", {name}={value}" for name, value in _variables(plan.tokenizer).items()
        ),
    )
    ends = sorted({bridge.end, bridge.ids[0]})
    if bridge.history is None:
        return [prompt, _THEN.format(ends=ends)]
    history = bridge.history
    opens, closes = history.tags
    then = _THEN_STRIPPED.format(
        opens=opens,
        closes=closes,
        length=len(closes),
        opening=history.opens,
        drops=history.drops,
        count=len(history.opening),
        before=list(history.before),
        nothing=list(history.nothing),
        ends=ends,
    )
    return [prompt, then]


def _variables(tokenizer) -> dict[str, str]:
    """Variables of the chat template as code: those of the settings, and the date that it prints."""
    found = {name: repr(value) for name, value in tokenizer.template_variables.items()}
    day, template = tokenizer.template_date, tokenizer.chat_template
    if day is not None and "date_string" in template:
        found["date_string"] = repr(f"{day:%d %b %Y}")
    if day is not None and "strftime_now" in template:
        found["strftime_now"] = f"datetime.date({day.year}, {day.month}, {day.day}).strftime"
    return found


def _plain_parts(plan: SamplingPlan) -> list[str]:
    tokenizer, layout = plan.tokenizer, plan.tokenizer.plain_prompts
    messages = first_messages("{question}", plan.task, plan.few_shot)
    text = layout.text(messages)
    whole = layout.prompt_ids(messages)
    begins = len(whole) - len(tokenizer(text, add_special_tokens=False)["input_ids"])
    stops = list(layout.stops.strings)
    return [
        _PLAIN_PROMPT.format(text=text, begin=whole[:begins]),
        _PLAIN_THEN.format(stops=stops),
    ]
