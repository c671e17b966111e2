"""The settings of the chat template: what they do, and what is refused before any job."""

import json
from pathlib import Path

import pytest
from sampling_runs import PROBLEMS, SETTINGS
from score.sampling.chat_template import (
    check_of_use,
    check_reserved,
    shipped_templates,
    template_text,
    variables_of,
    within_deadline,
)
from score.sampling.render import render
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.settings import SampleSettings
from score.sampling.templates import page, stand_in_tokenizer
from score.sampling.tokenizers import asking_tokenizer, set_template

BASE = "data/puzzle/policy"
QUESTION = [{"role": "user", "content": "4 7 19 make 26"}]
LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{{ j }}{% endfor %}{% endfor %}"


def _settings(**changes) -> SampleSettings:
    return SampleSettings(**{**vars(SETTINGS), **changes})


def test_page_of_templates_is_what_the_command_prints_and_nearly_all_are_accepted():
    text = page()
    assert Path("docs/chat_templates.md").read_text() == text + "\n"
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    names = [row.split(" | ")[0].removeprefix("| ") for row in rows if " | as is | " in row]
    accepted = [name for name in names if not name.endswith("_training")]
    assert len(accepted) >= 36
    assert {"qwen3", "deepseek_r1_distill", "glm4moe", "gptoss", "nemotron_3_nano"} <= set(accepted)


def test_template_and_variables_are_those_of_the_settings(tmp_path):
    own = template_text(f"{BASE}/chat_template.jinja")
    file = tmp_path / "own.jinja"
    file.write_text(own + "{{ '' if calm else ' ! ' }}")
    told = {
        "own": _settings(),
        "file": _settings(chat_template=str(file)),
        "variable": _settings(chat_template=str(file), chat_template_kwargs={"calm": True}),
    }
    plans = {name: SamplingPlan(each, BASE, PROBLEMS[:1], []) for name, each in told.items()}
    texts = {
        name: render(plan.tokenizer, QUESTION, add_generation_prompt=True)
        for name, plan in plans.items()
    }
    assert texts["variable"] == texts["own"] and texts["file"] == texts["own"] + " ! "
    prompts = {name: plan.provenance()["prompts"] for name, plan in plans.items()}
    assert prompts["variable"] == prompts["own"] != prompts["file"]


def test_name_of_a_shipped_template_is_that_template():
    tokenizer = asking_tokenizer(BASE, _settings(chat_template="qwen3"))
    assert tokenizer.chat_template == shipped_templates()["qwen3"].read_text("utf-8")
    off = asking_tokenizer(
        BASE, _settings(chat_template="qwen3", chat_template_kwargs={"enable_thinking": False})
    )
    asked = [render(each, QUESTION, add_generation_prompt=True) for each in (tokenizer, off)]
    assert asked[1] == asked[0] + "<think>\n\n</think>\n\n"


def test_settings_are_read_back_and_a_rule_runs_again_when_they_change(tmp_path):
    (tmp_path / "settings.json").write_text(_settings(chat_template_kwargs={"a": 1}).to_json())
    settings = SampleSettings.read(tmp_path / "settings.json")
    assert settings.chat_template_kwargs == {"a": 1}
    assert json.loads(settings.rerun_on())["chat_template_kwargs"] == {"a": 1}


@pytest.mark.parametrize(
    ("template", "read"),
    [
        (
            "{{ bos_token }}{% if enable_thinking %}x{% endif %}{{ strftime_now('%d') }}",
            {"enable_thinking"},
        ),
        ("{% set content = messages[0].content %}{{ content }}", set()),
        (
            "{% if not effort is defined %}{% set effort = 'low' %}{% endif %}{{ effort }}",
            {"effort"},
        ),
        ("{% set effort = effort | default('low') %}{{ effort }}", {"effort"}),
        (
            "{% macro m(a) %}{{ a }}{% endmacro %}{% for x in messages %}{{ m(x) }}{% endfor %}",
            set(),
        ),
    ],
)
def test_variables_are_those_that_a_setting_may_give(template, read):
    assert variables_of(template) == read


@pytest.mark.parametrize(
    ("chat_template", "variables", "told"),
    [
        (f"{BASE}/chat_template.jinja", {}, "which is the tokenizer's own"),
        (None, {"enable_thinking": False}, "expected none, since it reads none"),
        ("qwen3", {"enable_thinkin": False}, "expected one of enable_thinking"),
        ("qwen4", {}, "a name of TRL's: cohere, cohere2"),
        (BASE, {}, "expected a Jinja file"),
    ],
)
def test_setting_that_does_nothing_is_refused(chat_template, variables, told):
    own = template_text(f"{BASE}/chat_template.jinja")
    with pytest.raises(ValueError, match=told):
        check_of_use(own, chat_template, variables)


def test_variables_that_are_given_already_are_refused_with_their_setting():
    with pytest.raises(ValueError, match=r"'date_string'.*prompts\.template_date"):
        check_reserved({"date_string": "26 Jul 2024"})


def test_variable_of_a_wrong_value_is_told_as_that_with_a_system_message_too():
    tokenizer = stand_in_tokenizer(
        "{{ messages }}{% if not x %}{{ raise_exception('no x') }}{% endif %}"
    )
    set_template(tokenizer, None, {"x": False})
    system = {"role": "system", "content": "Be brief."}
    for messages in (QUESTION, [system, *QUESTION]):
        with pytest.raises(
            ValueError, match=r"no x.*Correct prompts\.chat_template_kwargs, {'x': F"
        ):
            render(tokenizer, messages)


def test_template_that_loops_is_ended_at_the_deadline_and_refusals_come_through():
    looping = stand_in_tokenizer(LOOPS)
    with pytest.raises(ValueError, match=r"is not done after 0\.3 s.*prompts\.chat_template"):
        within_deadline(lambda: render(looping, QUESTION), 0.3)
    raising = stand_in_tokenizer("{{ raise_exception('never') }}")
    with pytest.raises(ValueError, match="never"):
        within_deadline(lambda: render(raising, QUESTION))
    assert within_deadline(lambda: render(stand_in_tokenizer("{{ messages }}"), QUESTION)) is None
