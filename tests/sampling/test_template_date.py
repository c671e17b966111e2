"""A run over midnight, and its resume on another day, ask the same in the same words."""

from dataclasses import replace

import pytest
from sampling_runs import PROBLEMS, SETTINGS
from score.sampling.prompt_settings import pinned_date
from score.sampling.prompts import RenderedPrompts, prompt_ids
from score.sampling.render import render
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.tokenizers import load_tokenizer
from templates import policy_with_template, prints_the_date, set_clock

QUESTION = [{"role": "user", "content": "4 7 19 make 26"}]
DAYS = ("2026-03-11", "2026-03-12")


@pytest.fixture
def policy(tmp_path):
    return policy_with_template(tmp_path, prints_the_date)


@pytest.mark.parametrize("day", DAYS)
def test_templates_print_the_day_that_is_fixed_however_they_find_it(policy, day, monkeypatch):
    set_clock(monkeypatch, day)
    own, other = load_tokenizer(policy), load_tokenizer(policy, None, "2025-01-09")
    assert render(own, QUESTION).startswith("26 Jul 2024 26 4 7 19")
    assert render(other, QUESTION).startswith("09 Jan 2025 09 4 7 19")
    clock = render(load_tokenizer(policy, None, None), QUESTION)
    assert clock.startswith(f"{day[-2:]} Mar 2026 {day[-2:]} 4 7 19")


def test_a_conversation_is_rendered_once(policy, monkeypatch):
    tokenizer = load_tokenizer(policy, None, None)
    set_clock(monkeypatch, DAYS[0])
    rendered = RenderedPrompts(tokenizer, [QUESTION])
    before = prompt_ids(tokenizer, QUESTION)
    set_clock(monkeypatch, DAYS[1])
    assert rendered(QUESTION) == before != prompt_ids(tokenizer, QUESTION)


def _plan(policy, template_date, batch_size=3):
    settings = replace(SETTINGS, samples=1, batch_size=batch_size, template_date=template_date)
    return SamplingPlan(settings, policy, PROBLEMS[:6], [])


@pytest.mark.parametrize("template_date", ["2024-07-26", None], ids=["fixed", "clock"])
def test_sampling_resumed_on_another_day_keeps_its_shards_only_where_the_date_is_fixed(
    policy, template_date, tmp_path, monkeypatch, capsys
):
    set_clock(monkeypatch, DAYS[0])
    first = _plan(policy, template_date)
    whole = sample_policy(first, tmp_path / "shards")
    next(tmp_path.glob("shards/[0-9a-f]*.json")).unlink()
    set_clock(monkeypatch, DAYS[1])
    again = _plan(policy, template_date)
    rows = sample_policy(again, tmp_path / "shards")
    aside = "are not of these settings (prompts): they are set aside" in capsys.readouterr().out
    fixed = template_date is not None
    assert (rows == whole, again.prompts == first.prompts, not aside) == (fixed, fixed, fixed)


def test_text_that_is_no_date_is_refused():
    assert pinned_date(None) is None
    with pytest.raises(ValueError, match="template_date is '26 Jul 2024'; expected an ISO date"):
        pinned_date("26 Jul 2024")
