"""The page of chat templates: `python -m score.sampling.templates > docs/chat_templates.md`.

Each template that the installed TRL ships is asked for its bridge, with a tokenizer made here that has
its markers as special tokens. No model and no hub are needed.
"""

import re
from importlib.metadata import version

from score.sampling.chat_template import shipped_templates, variables_of
from score.sampling.history import set_history
from score.sampling.prompts import Bridge, work_out_text
from score.sampling.render import render
from score.verifiers.reasoning import TAGS

_CORRECTION = "There might be an error. Correct it."
_MARKER = re.compile(r"<[^<>\s']+>|\[[A-Z_/]+\]")
# What tokenizers hold as plain text, since attempts as text must show it.
_PLAIN = TAGS

_HEAD = """# Chat templates

What becomes of each chat template that TRL {version} ships. The page is what
`python -m score.sampling.templates` prints.

The names are values of `prompts.chat_template`; a policy whose tokenizer has the same template needs no
setting. Those that end in `_training` are TRL's own variants, which its `get_training_chat_template`
gives. They are not needed here: the prompt of turn 2 is never rendered anew, it is turn 1 as it was
sampled, reasoning included unless `prompts.history_thinking` is `strip`, and then the bridge.

* **Before an attempt**: what follows a question, up to the attempt.
* **Bridge**: what follows an attempt, up to the next one; `…` is the request for a correction. An
  attempt that ended itself is followed by the rest of it.
* **Stop**: the token that ends an attempt at the end of a conversation. Sampling stops there, besides
  at the tokens that the policy declares.
* **History**: how the template itself would show attempt 1 in turn 2, `as sampled` or `changed`
  (without its reasoning, or behind a block or a header). With `prompts.history_thinking: keep`, the
  default, it changes nothing.
* **Stripped**: what stands between the question and attempt 1's answer with `history_thinking: strip`;
  empty where that is refused, since the template keeps reasoning or knows none in `<think>`. Some have
  a variable for it: `qwen3_8` takes `chat_template_kwargs: {{preserve_thinking: false}}`.
* **Variables**: what `prompts.chat_template_kwargs` may hold: texts, numbers, true and false.

{accepted} of the {count} templates are accepted, and {training} of the {trainings} training variants.
The others take messages as lists of images and texts, as models do that are no language models alone.

The policies of gpt-oss and Muse Glimmer mark their reasoning with special tokens, which an attempt as
text does not show. `verifier.reasoning_tags` can't tell it from the answer, so have a marker do that
(`verifier.evaluator_mode: final`).
"""
_COLUMNS = (
    "Template",
    "Accepted",
    "Before an attempt",
    "Bridge",
    "Stop",
    "History",
    "Stripped",
    "Variables",
)


def stand_in_tokenizer(template: str):
    """A tokenizer of words with the template, whose special tokens are the markers in its text."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    markers = [marker for marker in _MARKER.findall(template) if marker not in _PLAIN]
    tokenizer.add_special_tokens({"extra_special_tokens": sorted(set(markers))})
    tokenizer.chat_template = template
    return tokenizer


def row_of(name: str, template: str) -> tuple[str, ...]:
    """The cells of a template: a refusal stands in the second."""
    tokenizer = stand_in_tokenizer(template)
    variables = ", ".join(f"`{each}`" for each in sorted(variables_of(template)))
    try:
        bridge = Bridge.from_tokenizer(tokenizer, _CORRECTION)
        text = work_out_text(tokenizer, _CORRECTION, None)
    except ValueError as error:
        reason = re.sub(r"[|\n]", " ", str(error).partition(";")[0].partition(": it writes")[0])
        return name, f"no: {reason}", "", "", "", "", "", variables
    after = text.after.replace(_CORRECTION, "…")
    stop = tokenizer.convert_ids_to_tokens(bridge.end)
    history = "as sampled" if _keeps_reasoning(tokenizer, text.opening) else "changed"
    shown = (_code(text.opening), _code(after), _code(stop), history, _stripped(tokenizer))
    return name, "as is", *shown, variables


def _stripped(tokenizer) -> str:
    """What the template writes before the answer of an earlier attempt; empty where it strips none."""
    set_history(tokenizer, "strip", _PLAIN)
    try:
        return _code(work_out_text(tokenizer, _CORRECTION, None).history.before)
    except ValueError:
        return ""


def _keeps_reasoning(tokenizer, opening: str) -> bool:
    """Whether turn 2, rendered anew, shows an attempt with reasoning as the policy wrote it."""
    wrote = ("" if "<think>" in opening else "<think>\n") + "6 + 1\n</think>\n\n42"
    question, asked = (
        {"role": "user", "content": "6 times 7?"},
        {"role": "user", "content": "Sure?"},
    )
    turns = [question, {"role": "assistant", "content": wrote}, asked]
    begun = render(tokenizer, [question], add_generation_prompt=True)
    return render(tokenizer, turns, add_generation_prompt=True).startswith(begun + wrote)


def page() -> str:
    """The page as Markdown."""
    rows = [row_of(name, path.read_text("utf-8")) for name, path in shipped_templates().items()]
    training = [row for row in rows if row[0].endswith("_training")]
    own = [row for row in rows if row not in training]
    accepted, trained = (sum(row[1] == "as is" for row in each) for each in (own, training))
    head = _HEAD.format(
        version=version("trl"),
        accepted=accepted,
        count=len(own),
        training=trained,
        trainings=len(training),
    )
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *own, *training]
    return head + "\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(text: str) -> str:
    """Text as code in a cell of a table, its white space visible."""
    return "`" + text.replace("\n", "\\n").replace("|", "\\|") + "`"


if __name__ == "__main__":
    print(page())
