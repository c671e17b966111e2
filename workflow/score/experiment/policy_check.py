"""Whether the policy that a config names can run, and whether its turn 2 continues turn 1."""

import os
import sys
from functools import partial
from pathlib import Path

from score.jobs.start_up import without
from score.policies.compiling import check_compilable_config
from score.sampling.settings import check_tensor_parallel


def check_policy(config: dict, few_shot: list[dict]) -> None:
    """Look at the weights' names, the tokenizer and its template. A hub policy that is out of reach now
    is checked by its jobs."""
    _import_tokenizers(config)
    rows = _check_weights(config)
    if (tokenizer := _tokenizer(config)) is not None:
        _check_template(config, tokenizer, few_shot)
        _check_prompts(config, tokenizer, few_shot, rows)


def _import_tokenizers(config: dict) -> None:
    """Import transformers without torch, of which tokenizers need nothing: that takes seconds less.

    Code that comes with a policy may need torch, and so does a look at what its class can do.
    """
    if (
        config["trust_remote_code"]
        or config["attn_implementation"]
        or config["compile_decoding"]
        or "transformers" in sys.modules
    ):
        return
    silent = "TRANSFORMERS_NO_ADVISORY_WARNINGS"
    said = os.environ.get(silent)
    os.environ[silent] = "1"  # or it would warn that there is no torch
    try:
        with without("torch", "scipy"):
            import transformers.models.auto.tokenization_auto  # noqa: F401
    finally:
        os.environ.pop(silent) if said is None else os.environ.update({silent: said})


def _check_weights(config: dict) -> int | None:
    """Rows of its embedding, where that is known."""
    from score.policies.attention import check_attention
    from score.policies.fitness import check_policy, config_of

    path, cache = config["model_path"], config["cache_dir"]
    try:
        rows = check_policy(path, cache, trust_remote_code=config["trust_remote_code"])
        known = config_of(path, cache)
        check_attention(config["attn_implementation"], config["precision"], known)
        if config["compile_decoding"]:
            check_compilable_config(known)
        if config["rollout_backend"] == "vllm":
            check_tensor_parallel(config["evaluation"]["vllm_tensor_parallel_size"], known)
    except ValueError as error:
        raise ValueError(f"model_path is {path!r}: {error}") from None
    return rows


def _tokenizer(config: dict):
    """The policy's, None where the hub can't be reached."""
    from huggingface_hub.errors import RepositoryNotFoundError

    from score.sampling.tokenizers import load_tokenizer

    path, date = config["model_path"], config["prompts"]["template_date"]
    trusted = {"trust_remote_code": config["trust_remote_code"]}
    try:
        return load_tokenizer(path, config["cache_dir"], date, **trusted)
    except Exception as error:  # tokenizers raises Exception itself, other files KeyError and more
        unknown = isinstance(error.__cause__, RepositoryNotFoundError)
        if isinstance(error, OSError) and not unknown and not Path(path).exists():
            if "/" not in path:
                raise ValueError(
                    f"model_path is {path!r}; expected a folder, which it is not, or a policy on the "
                    "hub, which can't be reached and whose cache has none of that name. Correct it: a "
                    "relative path starts from the folder of the Snakefile."
                ) from None
            print(f"model_path {path!r} can't be reached now; its jobs will check it.")
            return None
        raise ValueError(
            f"model_path is {path!r}; expected a folder or a hub name of a policy with its "
            f"tokenizer. Correct it. Loading the tokenizer failed: {error}"
        ) from None


def _check_template(config: dict, tokenizer, few_shot: list[dict]) -> None:
    """Give the tokenizer its chat template; every setting of the template has to count."""
    from score.sampling.bridge_text import QUESTION
    from score.sampling.chat_template import check_each_changes, check_of_use, within_deadline
    from score.sampling.history import set_history
    from score.sampling.prompt_settings import task_with
    from score.sampling.prompts import first_messages
    from score.sampling.render import all_asked
    from score.sampling.tokenizers import set_template

    prompts, tags = config["prompts"], config["verifier"]["reasoning_tags"]
    template, kwargs = prompts["chat_template"], prompts["chat_template_kwargs"]
    try:
        check_of_use(tokenizer.chat_template, template, kwargs)
        set_template(tokenizer, template, kwargs)
        set_history(tokenizer, prompts["history_thinking"], tags)
        if kwargs:
            task = task_with(config["task_type"], prompts)
            begun = first_messages(QUESTION, task, few_shot)
            asked = partial(all_asked, tokenizer, begun, task.CORRECTION_PROMPT)
            within_deadline(lambda: check_each_changes(asked, kwargs))
    except ValueError as error:
        raise ValueError(f"prompts.{error}") from None


def _check_prompts(config: dict, tokenizer, few_shot: list[dict], rows: int | None) -> None:
    """Both turns can be put into the policy's tokens. rows: of its embedding."""
    from score.policies.fitness import check_vocabulary
    from score.sampling.chat_template import within_deadline
    from score.sampling.plain_prompts import in_format, plain_prompts_of
    from score.sampling.prompt_settings import task_with
    from score.sampling.prompts import Bridge, first_messages, system_prompt_of, work_out_text
    from score.sampling.render import render
    from score.sampling.tokenizers import check_tags_are_text

    path, prompts = config["model_path"], config["prompts"]
    task, template = task_with(config["task_type"], prompts), prompts["chat_template"]
    shown = f"prompts.chat_template is {template!r}, model_path" if template else "model_path"
    said = (tokenizer, task.CORRECTION_PROMPT, system_prompt_of(task))
    try:
        check_vocabulary(tokenizer, rows)
        check_tags_are_text(tokenizer, config["verifier"]["reasoning_tags"])
        in_format(tokenizer, prompts)
        if plain_prompts_of(tokenizer) is None:
            first = first_messages("?", task, few_shot)
            ask = partial(render, tokenizer, first, add_generation_prompt=True)
            within_deadline(lambda: (work_out_text(*said), ask()))
        Bridge.from_tokenizer(*said)
    except ValueError as error:
        raise ValueError(f"{shown} is {path!r}: {error}") from None
    if (plain := plain_prompts_of(tokenizer)) is not None:
        try:
            plain.text(few_shot)
        except ValueError as error:
            raise ValueError(f"prompts.{error}") from None
        if tokenizer.chat_template:
            print(
                f"prompts.prompt_format is plain: the chat template of {path!r} is left unused "
                "in training and in evaluation."
            )
