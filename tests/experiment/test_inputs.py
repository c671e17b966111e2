"""Files and folders that a config names are looked at before any job starts, and refused by name."""

import json
import shutil
from pathlib import Path

import httpx
import pytest
from architectures import saved_policy
from base_policies import byte_level, save_policy
from huggingface_hub.errors import RepositoryNotFoundError
from own_code import policy_with_own_code
from refusals import refusal, says, with_changes
from score.experiment.preflight import check_inputs
from score.sampling.tokenizers import load_tokenizer


def _lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def own(config, tmp_path):
    """A config with six problems of its own: four of them to train on, one to tune, one to test."""
    rows = [{"id": str(i), "question": f"1 2 {i} make 6", "answer": "+"} for i in range(6)]
    changes = {"data_split": None, "test_split": None, "train_size": None, "test_size": 1}
    config["problems"] |= {**changes, "validation_size": 1}
    config["problems"]["data_path"] = _lines(tmp_path / "rows.jsonl", rows)
    return config


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"launcher": "configs/gpu.yaml"},
            ["launcher is 'configs/gpu.yaml'", "not there", "Correct"],
        ),
        ({"report_to": ["wandb", "wnadb"]}, ["report_to is 'wnadb'; expected none or", "Correct"]),
        ({"few_shot_dir": "no/shots"}, ["few_shot_dir is 'no/shots', which is not there"]),
        (
            {
                "policies.warm": {
                    "init": "base",
                    "objective": "supervised",
                    "attempts_path": "data/sums/train.csv",
                }
            },
            ["policies.warm.attempts_path: given attempts", "row 1: attempt_1 is None"],
        ),
        ({"model_path": "./policy"}, ["model_path is './policy', which is not there"]),
        ({"model_path": "a/b/c"}, ["model_path is 'a/b/c', which is not there", "Snakefile"]),
        ({"model_path": "~/policy"}, ["~/policy", "~ must be written out"]),
        (
            {"problems.data_path": "no.jsonl"},
            ["data path is 'no.jsonl'; expected an existing file"],
        ),
        ({"problems.test_path": "./no"}, ["data path is './no'; expected an existing file"]),
        (
            {"problems.question_col": "q"},
            ["question_col is 'q'; expected one of ['id', 'question'"],
        ),
        ({"problems.gold_col": "gold"}, ["gold_col is 'gold'; expected one of"]),
        ({"problems.gold_pattern": "("}, ["gold_pattern is '('; not a regular expression"]),
        ({"problems.gold_pattern": "x"}, ["gold_pattern is 'x'; expected one group"]),
        ({"problems.data_split": "train"}, ["split is 'train'; expected null or a slice"]),
        ({"problems.data_split": "[6:]"}, ["split '[6:]'", "has no rows", "Name another"]),
        ({"problems.test_size": None}, ["test_size is null; expected a number"]),
        ({"problems.test_size": 5}, ["train_size (1) + validation_size (1) + test_size (5) is 7"]),
        (
            {"problems.train_size": 5},
            ["train_size (5)", "is 7; expected at most 6", "Lower a size"],
        ),
        (
            {"problems.test_split": "[:2]", "problems.test_size": 3},
            ["test_size (3) is 3", "most 2"],
        ),
    ],
    ids=str,
)
def test_input_is_refused(own, changes, parts):
    says(refusal(check_inputs, with_changes(own, changes)), parts)


def test_empty_file_of_problems_is_refused_by_name(own, tmp_path):
    own["problems"]["data_path"] = [own["problems"]["data_path"], _lines(tmp_path / "no.jsonl", [])]
    says(refusal(check_inputs, own), ["no.jsonl has no rows"])


def test_optional_column_may_be_missing_in_some_rows_but_not_in_all(own, tmp_path):
    rows = [json.loads(line) for line in Path(own["problems"]["data_path"]).open()]
    own["problems"]["level_col"] = "level"
    says(refusal(check_inputs, own), ["level_col is 'level'; expected one of"])
    rows[3]["level"] = "Level 5"
    own["problems"]["data_path"] = _lines(tmp_path / "some.jsonl", rows)
    check_inputs(own)


@pytest.mark.parametrize("content", ["{", '{"role": "user"}', '["hello", "there"]', "[1]"])
def test_few_shot_file_that_is_no_list_of_messages_is_refused_by_name(own, tmp_path, content):
    (tmp_path / "puzzle_correction.json").write_text(content)
    own["few_shot_dir"] = str(tmp_path)
    says(refusal(check_inputs, own), [str(tmp_path / "puzzle_correction.json")])


def test_few_shot_folder_without_a_file_of_the_task_is_refused(own, tmp_path):
    own["few_shot_dir"] = str(tmp_path)
    says(refusal(check_inputs, own), ["neither puzzle_initial.json nor puzzle_correction.json"])


def test_plain_text_needs_no_chat_template_and_worked_examples_that_no_stop_string_cuts(
    own, tmp_path, capsys
):
    own["model_path"] = save_policy(tmp_path / "base")
    own["few_shot_dir"] = str(tmp_path)
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "one\n\ntwo"}]
    (tmp_path / "puzzle_initial.json").write_text(json.dumps(messages))
    says(refusal(check_inputs, own), ["no chat template", "prompts.prompt_format: plain"])
    own["prompts"]["prompt_format"] = "plain"
    check_inputs(own)
    assert "left unused" not in capsys.readouterr().out
    own["prompts"]["stop_strings"] = ["\n\n"]
    parts = ["prompts.stop_strings holds '\\n\\n'", "few-shot answer 'one\\n\\ntwo'"]
    says(refusal(check_inputs, own), parts)


def test_chat_template_that_plain_text_leaves_unused_is_told(own, tmp_path, capsys):
    tokenizer = byte_level()
    tokenizer.chat_template = "{{ messages }}"
    own["model_path"] = save_policy(tmp_path / "base", tokenizer)
    own["prompts"]["prompt_format"] = "plain"
    check_inputs(own)
    assert "the chat template of" in capsys.readouterr().out


def test_marker_that_nothing_asks_for_is_warned_of_with_the_cure(own, capsys):
    own["task_type"], own["problems"] = "math", {**own["problems"], "data_path": "me/hub"}
    own["verifier"] |= {"evaluator_function": "math_acc", "evaluator_mode": "final"}
    check_inputs(own)
    own["verifier"]["evaluator_answer_marker"] = "####"
    own["prompts"]["first_prompt"] = "{question} End with #### and the answer."
    check_inputs(own)
    assert "WARNING" not in capsys.readouterr().out
    own["prompts"]["first_prompt"] = None
    check_inputs(own)
    says(
        capsys.readouterr().out, ["marker is '####' with", "states nothing", "prompts.first_prompt"]
    )


def _spoilt(own, tmp_path, name, content):
    """The config with a copy of its policy in which one file has other content."""
    own["model_path"] = str(shutil.copytree(own["model_path"], tmp_path / "policy"))
    (tmp_path / "policy" / name).write_text(content)
    return own


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("model.safetensors", "", ["model.safetensors is empty"]),
        ("tokenizer.json", "[]", ["Loading the tokenizer failed"]),
        ("chat_template.jinja", "{% for m in", ["can't be rendered (line 1: TemplateSyntaxError"]),
        ("chat_template.jinja", "{{ messages[0].no.name }}", ["UndefinedError", "Mend chat_templ"]),
        ("chat_template.jinja", "{{ raise_exception('never') }}", ["TemplateError: never"]),
        ("chat_template.jinja", "{{ 1 // 0 }}", ["ZeroDivisionError", "Mend chat_template.jinja"]),
    ],
)
def test_policy_that_can_not_run_is_refused_before_any_job(own, tmp_path, name, content, parts):
    told = refusal(check_inputs, _spoilt(own, tmp_path, name, content))
    says(told, [f"model_path is {str(tmp_path / 'policy')!r}", *parts])


def test_tokenizer_that_is_larger_than_the_embedding_is_refused_before_any_job(own, tmp_path):
    policy = shutil.copytree(own["model_path"], tmp_path / "policy")
    tokenizer = load_tokenizer(policy)
    tokenizer.add_tokens(["<think>"])
    tokenizer.save_pretrained(policy)
    own["model_path"] = str(policy)
    says(refusal(check_inputs, own), ["beyond the 143 rows", "'<think>'"])


def test_template_that_rewrites_history_is_refused_with_the_difference(own, tmp_path):
    policy = tmp_path / "policy"
    shutil.copytree(own["model_path"], policy)
    tokenizer = load_tokenizer(policy)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ loop.revindex }} {{ m.content }}<end>{% endfor %}"
    )
    (policy / "chat_template.jinja").unlink()
    tokenizer.save_pretrained(policy)
    own["model_path"] = str(policy)
    message = refusal(check_inputs, own)
    says(message, [f"model_path is {str(policy)!r}: the chat template", "does not only append"])
    says(
        message, ["--- question of turn 1 as asked", "+++ question of turn 1 as the", "\n-", "Set "]
    )


@pytest.mark.parametrize(
    ("prompts", "parts"),
    [
        (
            {"chat_template": "data/puzzle/policy/chat_template.jinja"},
            ["prompts.chat_template is 'data/puzzle", "is the tokenizer's own", "Set it to null"],
        ),
        ({"chat_template": "no.jinja"}, ["prompts.chat_template is 'no.jinja'; expected a Jinja"]),
        (
            {"chat_template": "smolvlm"},
            ["prompts.chat_template is 'smolvlm'", "leaves out the question", "docs/chat"],
        ),
        (
            {"chat_template": "qwen3"},
            ["ends an attempt with '<|im_end|>", "begins with no special token"],
        ),
        (
            {"chat_template_kwargs": {"enable_thinking": False}},
            ["prompts.chat_template_kwargs holds 'enable_thinking'", "doesn't read", "remove it"],
        ),
        (
            {"history_thinking": "strip"},
            ["history_thinking is 'strip'", "knows no reasoning in <think>", "thinking: keep"],
        ),
    ],
)
def test_chat_template_that_does_nothing_or_is_of_no_use_is_refused(own, prompts, parts):
    own["prompts"] |= prompts
    says(refusal(check_inputs, own), parts)


def test_variable_at_the_default_of_the_template_is_refused_and_another_value_is_not(own, tmp_path):
    template = tmp_path / "own.jinja"
    shouts = "{% if loud is defined and loud %}go : {% endif %}"
    template.write_text(shouts + Path("data/puzzle/policy/chat_template.jinja").read_text())
    own["prompts"] |= {"chat_template": str(template), "chat_template_kwargs": {"loud": True}}
    check_inputs(own)
    own["prompts"]["chat_template_kwargs"]["loud"] = False
    says(refusal(check_inputs, own), ["sets 'loud' to False", "changes nothing", "Remove it"])


def test_template_that_loops_is_refused_before_any_job(own, tmp_path, monkeypatch):
    monkeypatch.setattr("score.sampling.chat_template.DEADLINE", 0.3)
    hundred_thousand = "{% for i in range(99999) %}"
    loop = f"{hundred_thousand * 2}{{{{ i }}}}{'{% endfor %}' * 2}"
    own = _spoilt(own, tmp_path, "chat_template.jinja", loop)
    says(
        refusal(check_inputs, own), ["model_path is", "is not done after 0.3 s", "Look for a loop"]
    )


def test_template_that_loops_at_a_worked_example_is_refused_too(own, tmp_path, monkeypatch):
    monkeypatch.setattr("score.sampling.chat_template.DEADLINE", 0.5)
    example = [{"role": "user", "content": "shown"}, {"role": "assistant", "content": "so"}]
    (tmp_path / "puzzle_initial.json").write_text(json.dumps(example))
    template = Path(own["model_path"], "chat_template.jinja").read_text()
    loop = f"{'{% for i in range(99999) %}' * 2}{'{% endfor %}' * 2}"
    own = _spoilt(own, tmp_path, "chat_template.jinja", template)
    guarded = f"{{% if messages[0].content == 'shown' %}}{loop}{{% endif %}}{template}"
    Path(own["model_path"], "chat_template.jinja").write_text(guarded)
    check_inputs(own)
    own["few_shot_dir"] = str(tmp_path)
    says(refusal(check_inputs, own), ["model_path is", "is not done after 0.5 s"])


@pytest.mark.parametrize("name", ["a\x1b[2J.txt", "a\nb.txt", "a\u202eb.txt"])
def test_file_whose_name_would_steer_the_terminal_is_refused(own, tmp_path, name):
    own = _spoilt(own, tmp_path, name, "x")
    told = refusal(check_inputs, own)
    says(told, ["a file is called", name.encode("unicode_escape").decode(), "Rename it"])
    assert told.isprintable()


def test_code_that_comes_with_the_policy_is_refused_before_any_job_unless_it_is_trusted(
    own, tmp_path
):
    own["model_path"] = policy_with_own_code(tmp_path)
    says(refusal(check_inputs, own), ["model_path is", "OwnConfig", "set trust_remote_code: true"])
    check_inputs(own | {"trust_remote_code": True})


def test_attention_that_the_policy_cannot_have_is_refused_before_any_job(own):
    check_inputs(own | {"attn_implementation": "eager"})
    own |= {"attn_implementation": "flash_attention_2"}
    says(refusal(check_inputs, own), ["'flash_attention_2'", "precision: bfloat16"])


def test_policy_whose_layers_or_heads_do_not_suit_how_it_is_sampled_is_refused_before_any_job(
    own, tmp_path
):
    check_inputs(own | {"compile_decoding": True})
    sliding = saved_policy("mistral", tmp_path)
    told = refusal(check_inputs, own | {"compile_decoding": True, "model_path": sliding})
    says(told, ["model_path is", "layers of sliding_attention", "compile_decoding: false"])
    own |= {"rollout_backend": "vllm"}
    shared = own["evaluation"] | {"vllm_tensor_parallel_size": 4}
    check_inputs(own | {"evaluation": shared})
    shared["vllm_tensor_parallel_size"] = 3
    told = refusal(check_inputs, own | {"evaluation": shared})
    says(told, ["vllm_tensor_parallel_size is 3 and the policy has 4 heads", "a divisor"])


def test_hub_policy_is_refused_where_the_hub_has_none_and_left_to_its_jobs_where_out_of_reach(
    own, monkeypatch, capsys
):
    own["model_path"] = "nobody/policy"
    check_inputs(own)  # tests run offline
    assert "'nobody/policy' can't be reached now" in capsys.readouterr().out
    # without an owner it is rather a folder that is written wrong
    says(refusal(check_inputs, own | {"model_path": "polcy"}), ["'polcy'; expected a folder"])

    def no_such_policy(*_, **__):
        response = httpx.Response(404, request=httpx.Request("GET", "https://hub"))
        raise OSError("not listed") from RepositoryNotFoundError("404", response=response)

    monkeypatch.setattr("score.sampling.tokenizers.load_tokenizer", no_such_policy)
    says(refusal(check_inputs, own), ["model_path is 'nobody/policy'", "Correct it", "not listed"])
