"""Conversations as a tokenizer's chat template writes them, with the variables of the settings."""

from jinja2 import TemplateError, TemplateSyntaxError

from score.sampling.bridge_text import Messages


def render(tokenizer, messages: Messages, **kwargs) -> str:
    """The conversation as the chat template writes it; ValueError where it can't show all of it."""
    if not tokenizer.chat_template:
        raise ValueError(
            "the tokenizer has no chat template; expected one, since both turns are chat messages. "
            "Use an instruction-tuned policy, set prompts.chat_template, or set prompts.prompt_format: "
            "plain, as for base models."
        )
    system = [message["content"] for message in messages if message["role"] == "system"]
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, **_variables(tokenizer), **kwargs
        )
        refusal = ""
    except Exception as error:  # of jinja, or whatever an expression in the template raises
        if (
            not system
            or not isinstance(error, TemplateError)
            or isinstance(error, TemplateSyntaxError)
        ):
            raise ValueError(_broken_template(error, tokenizer)) from error
        render(tokenizer, [m for m in messages if m["role"] != "system"], **kwargs)
        text, refusal = "", f" ({error})"
    if any(content.strip() not in text for content in system):
        raise ValueError(
            f"system_prompt is {system[0]!r}, but the chat template takes no system message{refusal}; "
            "expected one that shows it. Set system_prompt to null, and put its words into first_prompt."
        )
    return text


def _broken_template(error: Exception, tokenizer) -> str:
    variables = getattr(tokenizer, "template_variables", {})
    given = f"Correct prompts.chat_template_kwargs, {variables}; or " if variables else ""
    line = f"line {error.lineno}: " if isinstance(error, TemplateSyntaxError) else ""
    return (
        f"the chat template can't be rendered ({line}{type(error).__name__}: {error}); expected one "
        f"that shows a question, an attempt and the request for a correction. {given}"
        f"{'mend' if given else 'Mend'} chat_template.jinja beside the tokenizer, or set "
        "prompts.chat_template to another."
    )


def _variables(tokenizer) -> dict:
    """The template's variables by `load_tokenizer`, and today's date: the one fixed, or the clock's."""
    day = getattr(tokenizer, "template_date", None)
    dates = {} if day is None else {"strftime_now": day.strftime, "date_string": f"{day:%d %b %Y}"}
    return {**getattr(tokenizer, "template_variables", {}), **dates}


def all_asked(tokenizer, first: Messages, correction_prompt: str, variables: dict) -> list[str]:
    """What the template makes of a conversation's beginning and of attempts of every kind in it, with
    these variables in place of the tokenizer's; the refusal where it makes nothing of one."""
    own, found = tokenizer.template_variables, []
    attempts = (
        {"content": "42"},
        {"content": "<think>hm</think>42"},
        {"content": "42", "reasoning_content": "hm"},
    )
    said = [[{"role": "assistant", **attempt}] for attempt in attempts]
    correction = {"role": "user", "content": correction_prompt}
    tokenizer.template_variables = variables
    for more, begins in (
        ([], True),
        *((s, False) for s in said),
        *(([*s, correction], True) for s in said),
    ):
        try:
            found.append(render(tokenizer, [*first, *more], add_generation_prompt=begins))
        except ValueError as error:
            found.append(str(error))
    tokenizer.template_variables = own
    return found
