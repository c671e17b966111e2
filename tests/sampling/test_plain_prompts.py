"""Plain text in place of a chat template: exact ids, and attempts that end at stop strings."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from base_policies import END, byte_level, plain, save_policy, with_word_starts
from sampling_runs import PROBLEMS, SETTINGS
from score.policies.load import load_policy
from score.sampling.generate import HFGenerate, cut_after_stop, sampling_config, stop_ids_of
from score.sampling.plain_prompts import in_format
from score.sampling.prompts import Bridge, prompt_ids
from score.sampling.rollout import attempt_texts, cut_off, sample_rollouts
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.vllm import VLLMGenerate

STOPS = ["e", "on\n", "\n\n"]  # frequent in the attempts of a random policy, and within its tokens
EXAMPLE = [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "It is 4."}]
ASKED = [{"role": "system", "content": "Be exact."}, *EXAMPLE, {"role": "user", "content": "1+1"}]
WRITTEN = "Be exact.\n\nQuestion: 2+2\n\nAnswer: It is 4.\n\nQuestion: 1+1\n\nAnswer:"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("base"))


def ids_of(tokenizer, *pieces):
    return [i for text in pieces for i in tokenizer(text, add_special_tokens=False)["input_ids"]]


def stop_ids(path, tokenizer):
    return stop_ids_of(
        load_policy(path, "float32").generation_config, tokenizer, a_bridge(tokenizer)
    )


def a_bridge(tokenizer):
    return Bridge.from_tokenizer(tokenizer, "Again.")


@pytest.mark.parametrize("make", [byte_level, with_word_starts])
def test_whole_conversation_reads_as_the_layout_says(make, tmp_path):
    tokenizer = plain(save_policy(tmp_path, make()))
    ids = prompt_ids(tokenizer, ASKED)
    if tokenizer.bos_token_id is not None:
        assert ids[0] == tokenizer.bos_token_id and tokenizer.bos_token_id not in ids[1:]
    assert tokenizer.decode(ids, skip_special_tokens=True) == WRITTEN
    attempt = tokenizer.plain_prompts.attempt_ids("It is 3.")
    bridge = a_bridge(tokenizer)
    both = [*ids, *attempt, *bridge.after(attempt), *attempt]
    told = " It is 3.\n\nQuestion: Again.\n\nAnswer: It is 3.\n\nQuestion:"
    assert tokenizer.decode(both, skip_special_tokens=True) == WRITTEN + told


def test_bridge_goes_on_from_how_the_attempt_ended(path):
    """Exactly at the stop string, within a token, at end-of-text, and at the limit."""
    tokenizer = plain(path)
    bridge, end = a_bridge(tokenizer), tokenizer.eos_token_id
    stop = ids_of(tokenizer, "\n\n", "Question")
    colon, wide = ids_of(tokenizer, ":"), ids_of(tokenizer, ":\n")
    assert len(colon) == len(wide) == 1
    rest, whole = ids_of(tokenizer, " Again", ".\n\n", "Answer", ":"), list(bridge.ids)
    assert tokenizer.decode(whole) == "\n\nQuestion: Again.\n\nAnswer:"
    three = ids_of(tokenizer, " 3")
    endings = [(stop + colon, rest), (stop + wide, rest), ([end], whole), ([], whole)]
    stops = stop_ids(path, tokenizer)
    for tail, expected in endings:
        told = iter([[three + tail], [[*three, end]]])
        (rollout,) = sample_rollouts([[5, 6]], bridge, lambda *asked, told=told: next(told), stops)
        assert rollout.tokens()[0] == [5, 6, *three, *tail, *expected, *three, end]
        lengths = {1: len(three + tail), 0: len(expected), 2: len(three) + 1}
        assert rollout.tokens()[1] == [0, 0, *(t for t, n in lengths.items() for _ in range(n))]
        assert rollout.truncated == [tail == [], False]
        assert attempt_texts([rollout], tokenizer) == [["3", "3"]]


@pytest.mark.parametrize(
    ("stop", "behind"),
    [
        ("\n\n", "Question: Again.\n\nAnswer:"),
        ("Question:", " Again.\n\nAnswer:"),
        ("\nQuestion:", " Again.\n\nAnswer:"),
        ("Problem:", "\n\nQuestion: Again.\n\nAnswer:"),
        ("ion", "\n\nQuestion: Again.\n\nAnswer:"),
    ],
)
def test_own_stop_string_is_followed_by_what_the_layout_lacks(path, stop, behind):
    tokenizer = plain(path, [stop])
    attempt = tokenizer.plain_prompts.attempt_ids("It is 3.")
    assert tokenizer.decode(attempt) == f" It is 3.{stop}"
    assert tokenizer.decode(a_bridge(tokenizer).after(attempt)) == behind


def test_attempts_end_with_the_token_that_completes_a_stop_string_in_every_batch(path):
    """Seeded draws do not depend on stops, so an attempt is the beginning of the one without them."""
    free, tokenizer, policy = plain(path), plain(path, STOPS), load_policy(path, "float32").eval()
    prompts = [prompt_ids(free, ASKED[-1 - i % 2 * 2 :][:3]) + [5] * (i % 5) for i in range(40)]
    seeds, pad = list(range(40)), free.pad_token_id
    config = sampling_config(24, 1.0, {tokenizer.eos_token_id}, pad)
    whole = HFGenerate(policy, config, 64)(prompts, seeds)
    strings, asked = tokenizer.plain_prompts.stops, []
    policy.register_forward_hook(lambda *told: asked.append(1))
    cut = HFGenerate(policy, config, 64, strings=strings)(prompts, seeds)
    assert cut == HFGenerate(policy, config, 7, strings=strings)(prompts, seeds)
    stops, within = stop_ids(path, tokenizer), 0
    for long, short in zip(whole, cut, strict=True):
        texts = [free.decode(long[:n], skip_special_tokens=True) for n in range(1, len(long) + 1)]
        ends = [n for n, text in enumerate(texts, 1) if any(stop in text for stop in STOPS)]
        assert short == (long[: ends[0]] if ends else long)
        assert cut_off(short, stops) == (not ends and short[-1] != free.eos_token_id)
        within += bool(ends) and not texts[ends[0] - 1].endswith(tuple(STOPS))
    assert within > 3 and len({len(short) for short in cut}) > 5
    one = next(i for i, row in enumerate(cut) if len(row) < 5)
    asked.clear()
    HFGenerate(policy, config, 1, strings=strings)([prompts[one]], [seeds[one]])
    assert len(asked) == len(cut[one])


def test_sampling_interrupted_and_resumed_ends_with_the_same_rows(path, tmp_path):
    settings = replace(
        SETTINGS, task_type="math", max_tokens=24, batch_size=3, prompt_format="plain"
    )
    settings = replace(settings, stop_strings=STOPS)
    plan = SamplingPlan(settings, path, PROBLEMS[:6], [])
    whole = sample_policy(plan, tmp_path / "shards")
    next(tmp_path.glob("shards/[0-9a-f]*.json")).unlink()
    assert sample_policy(plan, tmp_path / "shards") == whole
    assert not any(stop in row[f"attempt_t{t}"] for row in whole for stop in STOPS for t in (1, 2))
    ended = [row for row in whole if not row["truncated_t1"]]
    assert len(ended) > 3 and plan.provenance()["stop_strings"] == STOPS
    assert plan.length() >= max(len(row["prompt_ids"]) + len(row["ids_t1"]) for row in whole)


def test_vllm_is_asked_to_stop_at_the_strings_and_to_keep_their_tokens(path, monkeypatch):
    tokenizer, params = plain(path, STOPS), lambda **asked: asked
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=params))
    generate = object.__new__(VLLMGenerate)
    generate.settings, generate.stop_ids = SETTINGS, stop_ids(path, tokenizer)
    asked = generate._sampling(seed=1)
    assert (asked["stop"], asked["include_stop_str_in_output"]) == (STOPS, True)
    assert asked["detokenize"] and asked["stop_token_ids"] == [tokenizer.eos_token_id]
    attempt = ids_of(tokenizer, " 3", ".\n\n")
    overrun = attempt + ids_of(tokenizer, "Question")
    assert cut_after_stop(overrun, generate.stop_ids) == attempt


def test_settings_that_change_nothing_or_end_every_attempt_are_refused(path):
    told = {"prompt_format": "plain", "stop_strings": None}
    for changes, found in (
        ({"prompt_format": "base"}, "prompt_format is 'base'; expected one of chat, plain"),
        (
            {"prompt_format": "chat", "stop_strings": ["x"]},
            "with prompt_format chat; expected null",
        ),
        ({"stop_strings": []}, "expected at least one text"),
        ({"stop_strings": ["x", " "]}, "would end every attempt where it begins"),
        ({"template_date": "2025-01-01"}, "chat templates alone read it"),
        ({"chat_template": "qwen3"}, "chat templates alone read it"),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "chat templates alone read it"),
    ):
        with pytest.raises(ValueError, match=found):
            in_format(plain(path), {**told, **changes})
    with pytest.raises(ValueError, match=r"'is', which the few-shot answer 'It is 4\.' holds too"):
        prompt_ids(plain(path, ["is"]), ASKED)
    with pytest.raises(
        ValueError, match=r"shows .* expected the same text\. Take a policy whose tok"
    ):
        plain("data/puzzle/policy")


def test_end_of_text_before_a_stop_string_ends_the_attempt(path):
    tokenizer = plain(path)
    attempt = ids_of(tokenizer, " 3", END)
    overrun = attempt + ids_of(tokenizer, "\n\n", "Question", ":")
    assert cut_after_stop(overrun, stop_ids(path, tokenizer)) == attempt
