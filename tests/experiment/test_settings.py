"""Every documented setting reaches what it is about: the rules that it names, and the training.

The commands of a dry run are taken at their word: the flags and the settings that a training job
is told go into `score.training.train`, whose trainer is replaced by one that keeps what it was given.
"""

import argparse
import json
import re
import shutil
from contextlib import chdir, nullcontext
from types import SimpleNamespace

import pytest
from places import DEFAULT, ROOT
from score.experiment.job_settings import JobSettings
from score.experiment.plan import Plan
from score.policies import load
from score.sampling import settings as sampling_settings
from score.sampling.prompt_settings import PROMPTS
from score.training import train
from score.training.settings import TrainSettings

BATCH, STEPS = (
    DEFAULT["training"][key]
    for key in ("per_device_train_batch_size", "gradient_accumulation_steps")
)
PREPARE, SAMPLE, VERIFY = "prepare_problems", "sample_attempts", "verify_attempts"
ONE, TWO = "train_stage_one", "train_stage_two"
BOTH = {ONE, TWO}
JUDGE = {PREPARE, VERIFY, *BOTH}
ALL = {PREPARE, SAMPLE, VERIFY, *BOTH}

# The settings documented by the original implementation: name, section of the config, another
# value, the rules whose command it changes, where the trainer is given it, and as what.
TABLE = [
    ("model_path", None, "other/policy", {SAMPLE, *BOTH}, "reference", "other/policy"),
    ("cache_dir", None, "hub", {PREPARE, SAMPLE, *BOTH}, "cache_dir", "hub"),
    ("random_seed", None, 7, ALL, "config.seed", 7),
    ("wandb_project_name", None, "mine", BOTH, "config.report_to", ["wandb"]),
    ("run_name", None, "mine", ALL, "config.run_name", "mine/score_stage_one"),
    ("task_type", None, "other/puzzle.py", ALL, "config.correction_prompt", "now: "),
    ("few_shot_dir", None, "other", {SAMPLE, *BOTH}, "prompt.0.content", "1 2 3 make 6"),
    ("data_path", "problems", "other/problems", {PREPARE}, None, None),
    ("id_col", "problems", None, {PREPARE}, None, None),
    ("question_col", "problems", "id", {PREPARE}, None, None),
    ("gold_col", "problems", "id", {PREPARE}, None, None),
    ("evaluator_mode", "verifier", "final", JUDGE, "verifier.mode", "final"),
    ("evaluator_function", "verifier", None, JUDGE, "verifier.function", None),
    ("evaluator_answer_marker", "verifier", "So:", JUDGE, "verifier.marker", "So:"),
    ("number_output_initial_generations", "training", 4, BOTH, "config.num_generations", 4),
    ("temperature", "training", 0.9, BOTH, "config.temperature", 0.9),
    ("max_tokens", "training", 9, BOTH, "config.max_completion_length", 9),
    (
        "per_device_train_batch_size",
        "training",
        BATCH // 2,
        BOTH,
        "config.per_device_train_batch_size",
        BATCH // 2,
    ),
    (
        "gradient_accumulation_steps",
        "training",
        STEPS * 2,
        BOTH,
        "config.gradient_accumulation_steps",
        STEPS * 2,
    ),
    (
        "local_rollout_forward_batch_size",
        "training",
        3,
        BOTH,
        "config.local_rollout_forward_batch_size",
        3,
    ),
    ("total_episodes", "stage_one", 30 * BATCH * STEPS, {ONE}, "config.max_steps", 30),
    ("learning_rate", "stage_one", 0.25, {ONE}, "config.learning_rate", 0.25),
    ("num_warmup_steps", "training", 3, BOTH, "config.warmup_steps", 3),
    ("save_steps", "training", 5, BOTH, "config.save_steps", 5),
    ("use_lora", "training", True, BOTH, "lora.target_modules", "all-linear"),
    ("lora_rank", "training", 3, BOTH, "lora.r", 3),
    ("lora_alpha", "training", 5, BOTH, "lora.lora_alpha", 5),
    ("init_kl_coef", "stage_one", 9.0, {ONE}, "config.init_kl_coef", 9.0),
    ("corr_kl_coef", "stage_one", 9.0, {ONE}, "config.corr_kl_coef", 9.0),
    ("stage2_alpha", "stage_two", 9.0, {TWO}, "config.stage2_alpha", 9.0),
]
# Settings of ours about how a policy is loaded, sampled and trained, likewise.
LOADING = [
    ("attn_implementation", None, "eager", {SAMPLE, *BOTH}, "how.attn_implementation", "eager"),
    ("trust_remote_code", None, True, {SAMPLE, *BOTH}, "how.trust_remote_code", True),
    ("micro_batch_tokens", "training", 999, BOTH, "config.micro_batch_tokens", 999),
    ("compile_decoding", None, True, {SAMPLE, *BOTH}, "config.compile_decoding", True),
]
# A task that takes both of evaluator_mode and evaluator_answer_marker, which the default does not.
MARKED = {
    "evaluator_mode": {"task_type": "other/marked.py"},
    "evaluator_answer_marker": {"task_type": "other/marked.py"},
}
# What must change with it for the config to hold together, or to show anything.
TOGETHER = {
    "evaluator_mode": {"evaluator_answer_marker": "So:"},
    "gradient_accumulation_steps": {"per_device_train_batch_size": BATCH // 2},
    "lora_rank": {"use_lora": True},
    "lora_alpha": {"use_lora": True},
}


@pytest.fixture(scope="module")
def default(repository, dry_run):
    """The jobs of the default config, beside whose policy, problems and task there are others."""
    other = repository / "other"
    shutil.copytree(repository / "data/puzzle", other)
    task = (ROOT / "workflow/score/tasks/puzzle.py").read_text()
    task = re.sub("(?m)^CORRECTION_PROMPT = .*", 'CORRECTION_PROMPT = "now: "', task)
    (other / "puzzle.py").write_text(task)
    (other / "marked.py").write_text(re.sub("(?m)^(MARKER_)?MODES = .*", "", task))
    problem = {"question": "4 5 6 make 15", "answer": "6", "level": None}
    lines = [json.dumps({"id": str(i), **problem}) for i in range(64)]  # as many as an update takes
    (other / "one.jsonl").write_text("\n".join(lines))
    example = [("user", "1 2 3 make 6"), ("assistant", "+1 =1 +2 =3 +3 =6")]
    (other / "puzzle_initial.json").write_text(
        json.dumps([{"role": role, "content": text} for role, text in example])
    )
    return dry_run()


@pytest.fixture
def trained(repository, monkeypatch):
    """Call it with a training job for what its trainer would be given."""
    given = SimpleNamespace()

    class Stop(Exception):
        pass

    def verifier(asked):
        given.verifier = SimpleNamespace(
            function=asked.evaluator_function,
            mode=asked.evaluator_mode,
            marker=asked.evaluator_answer_marker,
        )
        return nullcontext()

    def keep(**kwargs):
        given.config, given.lora = kwargs["args"], kwargs["peft_config"]
        given.reference, given.prompt = kwargs["reference"], kwargs["train_dataset"][0]["prompt"]
        raise Stop

    def load_policy(path, precision, cache_dir, *, trainable, **how):
        given.init, given.cache_dir, given.how = path, cache_dir, how

    for name, replacement in [
        ("SCoReTrainer", keep),
        ("Verifier", SimpleNamespace(from_settings=verifier)),
        ("asking_tokenizer", lambda *_: None),
        ("context_length", lambda *_: 321),
    ]:
        monkeypatch.setattr(train, name, replacement)
    monkeypatch.setattr(load, "load_policy", load_policy)

    def run(job):
        flags = {
            "few_shot_dir": None,
            "first_attempts": None,
            **job.flags,
            "problems": "other/one.jsonl",
        }
        with chdir(repository), pytest.raises(Stop):
            train.train(TrainSettings(**job.settings), argparse.Namespace(**flags))
        return given

    return run


def _changed(jobs, default):
    """Jobs with another command than by default, but for those that only make tables of them."""
    tables = ("compare_", "test_claims", "analyse_", "report_run")
    return {
        key: job
        for key, job in jobs.items()
        if _made_by(job) != _made_by(default[key]) and not key[0].startswith(tables)
    }


def _made_by(job) -> str:
    """Its command, without what it only checks: how the policy that it starts from was trained."""
    return re.sub(r"--(init-)?trained-with '[^']*'", "", job.command)


def _look_up(given, path: str):
    for name in path.split("."):
        given = given[int(name)] if name.isdigit() else _member(given, name)
    return given


def _member(given, name):
    return given[name] if isinstance(given, dict) else getattr(given, name)


@pytest.mark.parametrize(
    ("name", "section", "value", "rules", "path", "expected"),
    TABLE + LOADING,
    ids=[row[0] for row in TABLE + LOADING],
)
def test_setting_changes_these_commands_and_this_of_the_training(
    default, dry_run, trained, name, section, value, rules, path, expected
):
    values = {name: value, **TOGETHER.get(name, {})}
    task = MARKED.get(name, {})
    before = dry_run(task) if task else default
    jobs = dry_run(task | ({section: values} if section else values))
    changed = _changed(jobs, before)
    assert {rule for rule, *_ in changed} == rules
    for job in changed.values():
        assert job.settings.get(name, value) == value
    if path is not None:
        rule = TWO if rules == {TWO} else ONE
        key = next(key for key in jobs if key[0] == rule)
        assert _look_up(trained(jobs[key]), path) == expected
        if "lora" not in name:
            assert _look_up(trained(before[key]), path) != expected


def test_table_is_the_documented_list_and_all_of_it_is_in_the_default_config(config):
    assert len({row[0] for row in TABLE}) == 30  # and lora_dropout, which these stages refuse
    for name, section, *_ in TABLE:
        assert name in (config[section] if section else config) or name in config["training"], name


def test_data_path_is_read_and_watched(default, dry_run):
    job = dry_run({"problems": {"data_path": "other/problems"}})["prepare_problems",]
    assert "other/problems/train.jsonl" in job.input
    assert all(file.startswith("other/problems/") for file in job.input)


@pytest.mark.parametrize(
    ("url", "mode"), [(None, "colocate"), ("http://node1:8000", "server")], ids=["own", "server"]
)
def test_rollout_backend_reaches_sampling_and_training(
    default, dry_run, trained, monkeypatch, url, mode
):
    monkeypatch.setattr(
        sampling_settings, "find_spec", lambda name: object()
    )  # as if it were installed
    training = {
        "vllm_gpu_memory_utilization": 0.2,
        "vllm_server_url": url,
        "importance_ratio_cap": 3.0,
    }
    overlay = {"rollout_backend": "vllm", "training": training}
    jobs = dry_run({**overlay, "evaluation": {"vllm_gpu_memory_utilization": 0.8}})
    assert {rule for rule, *_ in _changed(jobs, default)} == {SAMPLE, *BOTH}
    sampling = jobs[SAMPLE, "score", "test"].settings
    assert (sampling["rollout_backend"], sampling["vllm_gpu_memory_utilization"]) == ("vllm", 0.8)
    config = trained(jobs[ONE, "score_stage_one"]).config
    assert (config.use_vllm, config.vllm_mode, config.vllm_server_base_url) == (True, mode, url)
    assert (config.vllm_gpu_memory_utilization, config.importance_ratio_cap) == (0.2, 3.0)
    assert config.vllm_max_model_length == (321 if url is None else None)
    assert trained(default[ONE, "score_stage_one"]).config.use_vllm is False


def test_engine_over_several_gpus_has_the_jobs_that_sample_ask_for_them(
    default, dry_run, monkeypatch
):
    monkeypatch.setattr(sampling_settings, "find_spec", lambda name: object())
    asked = {"vllm_tensor_parallel_size": 2, "vllm_prefix_caching": False}
    jobs = dry_run({"rollout_backend": "vllm", "evaluation": asked})
    job = jobs[SAMPLE, "score", "test"]
    assert asked.items() <= job.settings.items()
    assert re.search(r"--processes 2\s.*--gpus-each 2\s", job.command, re.DOTALL)
    assert "--gpus-each" not in jobs[ONE, "score_stage_one"].command
    jobs = dry_run({"evaluation": asked})  # which transformers has no use for
    job = jobs[SAMPLE, "score", "test"]
    assert re.search(r"--processes 1\s.*--gpus-each 1\s", job.command, re.DOTALL)


def test_prompts_reach_sampling_and_training_and_neither_problems_nor_verdicts(
    default, dry_run, trained
):
    told = {"system_prompt": "Be brief.", "first_prompt": "{question} ?", "correction_prompt": "go"}
    jobs = dry_run({"prompts": told, "few_shot_dir": "other"})
    assert {rule for rule, *_ in _changed(jobs, default)} == {SAMPLE, *BOTH}
    for rule, policy in ((ONE, "score_stage_one"), (TWO, "score")):
        given = trained(jobs[rule, policy])
        assert given.config.correction_prompt == "go"
        assert [m["role"] for m in given.prompt] == ["system", "user", "assistant", "user"]
        assert (given.prompt[0]["content"], given.prompt[1]["content"]) == (
            "Be brief.",
            "1 2 3 make 6",
        )
        assert given.prompt[-1]["content"] == "4 5 6 make 15 ?"


def test_prompts_reach_every_job_that_makes_some_and_those_of_refining_no_other(config):
    config["prompts"] |= {name: f"{name} {{question}}" for name in PROMPTS}
    config["prompts"] |= {
        "chat_template": "qwen3",
        "chat_template_kwargs": {"enable_thinking": False},
    }
    config["policies"] = {
        "star": {"init": "base", "objective": "self_taught"},
        "given": {"init": "base", "objective": "supervised", "attempts_path": "x.csv"},
        "refine": {"init": "base", "objective": "self_refine"},
        "judging": {"init": "base", "objective": "pag_prompted"},
        "rewarding": {"init": "base", "objective": "self_rewarding"},
        **config["policies"],
    }
    jobs = JobSettings(Plan(config))
    made = [jobs.corrections("star", 1), jobs.choice("star"), jobs.given("given")]
    made += [jobs.training("score"), jobs.sampling("score", "test")]
    refining, judging = (jobs.sampling(name, "test") for name in ("refine", "judging"))
    assert (refining.prompting, judging.prompting) == ("self_refine", "pag")
    verdicts = [judging, jobs.corrections("rewarding", 1), jobs.choice("rewarding")]
    verdicts += [jobs.sampling("rewarding", "test")]
    assert {settings.prompting for settings in (verdicts[1], verdicts[3])} == {"pag"}
    for settings in verdicts:
        assert settings.reasoning_tags == config["verifier"]["reasoning_tags"]
    for settings in (*made, refining, *verdicts):
        told = json.loads(settings.to_json())
        for name in ("system_prompt", "first_prompt", "correction_prompt"):
            assert told[name] == f"{name} {{question}}"
        assert told["chat_template"] == "qwen3"
        assert told["chat_template_kwargs"] == {"enable_thinking": False}
        assert ("critique_prompt" in told) == (settings is refining)
        assert ("verify_prompt" in told) == ("revise_prompt" in told) == (settings in verdicts)
    assert jobs.fine_tuning("star").chat_template == "qwen3"


def test_reasoning_tags_reach_sampling_where_the_history_is_stripped_by_them_alone(config):
    config["verifier"]["reasoning_tags"] = ["[THINK]", "[/THINK]"]
    for history in ("keep", "strip"):
        config["prompts"]["history_thinking"] = history
        told = json.loads(JobSettings(Plan(config)).sampling("score", "test").to_json())
        assert told["history_thinking"] == history
        assert told.get("reasoning_tags") == (
            ["[THINK]", "[/THINK]"] if history == "strip" else None
        )


def test_policy_trained_in_mixed_precision_is_sampled_in_bfloat16(config):
    config["precision"] = "mixed"
    jobs = JobSettings(Plan(config))
    assert jobs.training("score").precision == "mixed"
    assert jobs.sampling("score", "test").precision == "bfloat16"
    assert jobs.first_attempts("score").precision == "bfloat16"


def test_without_lora_all_weights_are_trained(default, trained):
    assert trained(default[ONE, "score_stage_one"]).lora is None


def test_evaluation_has_a_temperature_and_a_limit_of_its_own(default, dry_run):
    changed = _changed(dry_run({"evaluation": {"temperature": 0.5, "max_tokens": 77}}), default)
    assert {rule for rule, *_ in changed} == {SAMPLE}
    for job in changed.values():
        assert (job.settings["temperature"], job.settings["max_tokens"]) == (0.5, 77)


def test_entry_of_a_policy_wins_over_its_stage_and_that_over_training(dry_run):
    told = {}
    for overlay in (
        {"training": {"learning_rate": 0.1}},
        {"stage_one": {"learning_rate": 0.2}},
        {"policies": {"score_stage_one": {"learning_rate": 0.3}}},
    ):
        told |= overlay
        settings = dry_run(told)[ONE, "score_stage_one"].settings
        assert settings["learning_rate"] == next(iter(_leaves(overlay)))


def _leaves(value):
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    else:
        yield value


def test_processes_share_the_rollouts_of_an_update(default):
    settings = TrainSettings(
        **{
            **default[ONE, "score_stage_one"].settings,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 6,
            "total_episodes": 480,
            "num_warmup_steps": 9,
        }
    )
    assert (settings.batch, settings.updates) == (48, 10)
    assert [settings.accumulation(processes) for processes in (1, 2, 3, 6)] == [6, 3, 2, 1]
    for processes in (4, 12):
        with pytest.raises(ValueError, match=f"gradient_accumulation_steps is 6.* {processes} pro"):
            settings.accumulation(processes)


def test_every_value_of_the_default_config_has_a_comment():
    text = (ROOT / "configs/config.yaml").read_text().partition("\npolicies:")[0]
    values = [line for line in text.splitlines() if re.match(r" *\w+: +[^# ]", line)]
    assert len(values) > 60
    assert [line for line in values if not re.search(r" # .", line)] == []
