"""The tokenizer of a policy, told by settings how prompts are written with it."""

from collections.abc import Mapping

from score.sampling.chat_template import template_text
from score.sampling.history import set_history
from score.sampling.plain_prompts import in_format
from score.sampling.prompt_settings import TEMPLATE_DATE, PromptSettings, pinned_date


def load_tokenizer(
    path: str,
    cache_dir: str | None = None,
    template_date: str | None = TEMPLATE_DATE,
    chat_template: str | None = None,
    chat_template_kwargs: Mapping | None = None,
    trust_remote_code: bool = False,
):
    """The policy's tokenizer, padding on the left; pads with end-of-turn where it has no own token.

    template_date: the day that its chat template prints for today (`render`); None: the clock's.
    chat_template: see `template_text`; None: its own. chat_template_kwargs: variables of the template.
    trust_remote_code: whether code that comes with the tokenizer may run.
    """
    from transformers import AutoTokenizer  # slow to import, not needed for messages

    tokenizer = AutoTokenizer.from_pretrained(
        path, cache_dir=cache_dir, padding_side="left", trust_remote_code=trust_remote_code
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.template_date = pinned_date(template_date)
    set_template(tokenizer, chat_template, chat_template_kwargs or {})
    return tokenizer


def set_template(tokenizer, chat_template: str | None, variables: Mapping) -> None:
    """Have the tokenizer's prompts rendered by this template, None: its own, with these variables."""
    if chat_template is not None:
        tokenizer.chat_template = template_text(chat_template)
    tokenizer.template_variables = dict(variables)


def asking_tokenizer(path: str, settings: PromptSettings):
    """The tokenizer of a policy as the settings of a job ask it, which also say how it is loaded."""
    tokenizer = load_tokenizer(
        path,
        settings.cache_dir,
        settings.template_date,
        settings.chat_template,
        settings.chat_template_kwargs,
        trust_remote_code=settings.trust_remote_code,
    )
    set_history(tokenizer, settings.history_thinking, settings.reasoning_tags)
    return in_format(tokenizer, settings)


def check_tags_are_text(tokenizer, tags: list[str] | None) -> None:
    """ValueError where attempts as text would lack the reasoning tags, as they lack special tokens."""
    special = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    hidden = sorted(special.intersection(tags or ()))
    if hidden:
        raise ValueError(
            f"reasoning_tags holds {', '.join(hidden)}, which the tokenizer marks as special; expected "
            "tags that are kept when an attempt is decoded. Set special to false for them in the "
            "tokenizer, or reasoning_tags to null where the policy writes no reasoning."
        )
