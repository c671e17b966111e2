"""Offline first attempts: which there are, whose turn it is, and that they are context to training."""

import argparse
from dataclasses import asdict
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from score.sampling.prompts import prompt_ids
from score.sampling.rollout import Rollout
from score.sampling.tokenizers import load_tokenizer
from score.training import train
from score.training.checkpoints import newest_whole_checkpoint
from score.training.offline_attempts import OfflineAttempts, StartingFrom, read_offline_attempts
from score.training.records import TurnSums
from score.training.settings import TrainSettings
from stand_in_engine import StandIn
from training_runs import BASE, judge, make_trainer, problems, records, whole_rows
from trl.trainer import grpo_trainer

TOKENIZER = load_tokenizer(BASE)
PROMPTS = {"a": [1, 2], "b": [1, 3]}


def write(path, rows):
    columns = ["problem_id", "sample", "correction", "ids_t1", "prompt_ids"]
    pd.DataFrame(rows, columns=columns).assign(truncated_t1=False).to_parquet(path)
    return path


def test_attempts_are_read_by_sample_whatever_their_corrections(tmp_path):
    rows = [("a", 1, 0, [8], [1, 2]), ("a", 0, 0, [7, 9], [1, 2]), ("a", 0, 1, [7, 9], [1, 2])]
    rows += [("b", 0, 0, [5], [1, 3]), ("a test problem", 0, 0, [6], [4])]
    path = write(tmp_path / "sampled.parquet", rows)
    assert read_offline_attempts(path, PROMPTS, 20) == {"a": [[7, 9], [8]], "b": [[5]]}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", 0, 0, [7], [1, 2])], "0 of 1 first attempts at problem b"),
        (
            [("a", 0, 0, [7], [1, 2]), ("b", 0, 0, [7], [1, 4])],
            "problem b, sample 0: its prompt has other token ids than this policy's",
        ),
    ],
)
def test_a_file_of_other_problems_or_prompts_is_refused(tmp_path, rows, said):
    with pytest.raises(ValueError, match=said):
        read_offline_attempts(write(tmp_path / "sampled.parquet", rows), PROMPTS, 20)


def test_groups_are_whole_and_ranks_agree_on_them():
    attempts = {name: [[n, i] for i in range(3)] for n, name in enumerate("abcdefgh")}
    ids = [name for name in "abcdefgh" for _ in range(4)]
    given = OfflineAttempts(attempts, 0.5, seed=1).of_rollouts(ids, step=7, first=0, k=4)
    groups = [given[i : i + 4] for i in range(0, 32, 4)]
    offline = [group for group in groups if group[0] is not None]
    assert 0 < len(offline) < 8
    for group in groups:
        assert all((attempt is None) == (group[0] is None) for attempt in group)
    for group in offline:  # all three samples once before one comes again
        assert len({tuple(attempt) for attempt in group[:3]}) == 3
        assert group[3] == group[0]
    other = OfflineAttempts(attempts, 0.5, seed=1)
    halves = [other.of_rollouts(ids[i : i + 16], 7, first=i, k=4) for i in (0, 16)]
    odd = [other.of_rollouts(part, 7, first=f, k=4) for part, f in ((ids[:10], 0), (ids[10:], 10))]
    assert halves[0] + halves[1] == odd[0] + odd[1] == given
    assert other.of_rollouts(ids, step=8, first=0, k=4) != given


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_of_the_problems_is_offline(share):
    attempts = {str(n): [[n]] for n in range(2000)}
    given = OfflineAttempts(attempts, share, seed=0).of_rollouts(list(attempts), 0, first=0, k=1)
    offline = sum(attempt is not None for attempt in given)
    assert offline == 2000 * share or (share == 0.25 and abs(offline - 500) < 80)


def test_turn_1_is_sampled_where_it_is_not_given_and_later_turns_everywhere():
    calls = []

    def generate(prompts, seeds):
        calls.append(prompts)
        return [[100 + prompt[0]] for prompt in prompts]

    given = [None, [7, 8], None, [9]]
    start = StartingFrom(generate, given, same_number=lambda lacking: lacking + 1)
    prompts = [[0], [1], [2], [3]]
    assert start(prompts, None) == [[100], [7, 8], [102], [9]]
    assert start(prompts, None) == [[100], [101], [102], [103]]
    assert calls == [[[0], [1], [2]], prompts]  # one more than needed, as another rank needs
    calls.clear()
    assert StartingFrom(generate, [[7], [8]])([[0], [1]], None) == [[7], [8]]
    assert calls == []


def test_kl_and_entropy_of_turn_1_are_those_of_sampled_attempts_rewards_of_all():
    rollouts = [Rollout([1], [[5] * 4, [6] * 2], [[2]], [False, False]) for _ in range(4)]
    scores = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    sums = TurnSums()
    right = (scores == 1).tolist()
    sums.add_rollouts(rollouts, scores, right, [["x", "x"]] * 4, offline=[True, True, True, False])
    turn = torch.tensor([[0, 0, 0, 0, 0, 0, 2, 2]] * 3 + [[0, 1, 1, 1, 1, 0, 2, 2]])
    sums.add_tokens(torch.full((4, 8), 0.5), torch.full((4, 8), 0.25), turn, 2)
    alone = SimpleNamespace(device="cpu", reduce=lambda values, how: values)
    told = sums.means(alone)
    assert (told["kl_t1"], told["kl_t2"]) == (2.0, 1.0)
    assert (told["entropy_t1"], told["entropy_t2"]) == (0.25, 0.25)
    assert (told["offline"], told["reward_t1"], told["tokens_t1"]) == (0.75, 0.5, 4.0)
    sums.add_rollouts(rollouts, scores, right, [["x", "x"]] * 4, offline=[True] * 4)
    sums.add_tokens(torch.ones(4, 8), torch.ones(4, 8), turn[:1].expand(4, -1), 2)
    assert not {"kl_t1", "entropy_t1"} & set(sums.means(alone))


def right_and_wrong():
    """Of each training problem one right first attempt and one that states nothing, as ids."""
    rows = problems()
    solutions = [answer.partition(" : ")[2] for answer in rows["answer"]]
    ids = [TOKENIZER(text, add_special_tokens=False)["input_ids"] for text in solutions]
    end = TOKENIZER.eos_token_id
    names = rows["problem_id"]
    return {n: [[*right, end], right[:2]] for n, right in zip(names, ids, strict=True)}


def offline_trainer(folder, share, **changes):
    return make_trainer(
        folder,
        objective="stage_two",
        offline_first_attempts=share,
        first_attempts=OfflineAttempts(right_and_wrong(), share, seed=3),
        **changes,
    )


@pytest.mark.parametrize("kl_estimator", ["k1", "k2"])
def test_given_attempts_are_context_and_turn_2_is_paid_against_them(tmp_path, kl_estimator):
    seen = []

    def watch(attempts, answers):
        seen.append(judge(attempts, answers))
        return seen[-1]

    trainer = offline_trainer(
        tmp_path,
        1.0,
        max_steps=1,
        kl_estimator=kl_estimator,
        init_kl_coef=99.0,
        verifier=watch,
    )
    trainer.train()
    batch, told = trainer._buffered_inputs[0], records(trainer)[0]
    given = [ids for pair in right_and_wrong().values() for ids in pair]
    asked = TOKENIZER.convert_tokens_to_ids(":")
    for row in whole_rows(batch)["input_ids"].tolist():
        after = row[row.index(asked) + 1 :]
        assert any(after[: len(ids)] == ids for ids in given)
    assert batch["turn"].unique().tolist() == [0, 2]
    assert (told["offline"], told["reward_t1"]) == (1.0, 0.5)
    assert "kl_t1" not in told
    (scores,) = seen
    pairs = zip(scores[::2], scores[1::2], strict=True)
    pay = torch.tensor([after + 10 * (after - before) for before, after in pairs]).view(4, 4)
    by_hand = (pay - (pay.sum(1, keepdim=True) - pay) / 3).flatten().tolist()
    assert sorted(batch["advantages"][:, 1].tolist()) == pytest.approx(sorted(by_hand), abs=1e-5)


def test_engine_tells_nothing_of_given_attempts(tmp_path, monkeypatch):
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", StandIn)
    trainer = offline_trainer(tmp_path, 0.5, max_steps=1, use_vllm=True, vllm_mode="colocate")
    trainer.train()
    batch = trainer._buffered_inputs[0]
    assert 0 < records(trainer)[-1]["offline"] < 1
    assert (batch["sampler_logps"][batch["turn"] == 0] == 0).all()
    assert (batch["sampler_logps"] <= 0).all()
    for turn in (1, 2):  # a sure token's is 0 after rounding, a whole attempt's is not
        sampled = batch["turn"] == turn
        told = (batch["sampler_logps"] * sampled).sum(1)
        assert torch.equal(told < 0, sampled.any(1))
    assert set(trainer.vllm_generation.calls[1][1]) == set(trainer.vllm_generation.calls[1][1][::4])


def test_training_with_some_offline_resumes_bit_for_bit(tmp_path):
    saving = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "scale_advantages": True}
    whole = offline_trainer(tmp_path, 0.5, **saving)
    whole.train()
    (tmp_path / "checkpoint-6").rename(tmp_path / "later")
    resumed = offline_trainer(tmp_path, 0.5, **saving)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(str(tmp_path)))
    assert records(resumed) == records(whole)
    assert len({record["offline"] for record in records(whole)}) > 1
    for name, weight in whole.model.named_parameters():
        assert torch.equal(weight, dict(resumed.model.named_parameters())[name])


def test_dataset_without_problem_ids_is_refused(tmp_path):
    args = offline_trainer(tmp_path, 0.5).args
    with pytest.raises(ValueError, match="Add problem_id"):
        args.check_dataset(problems().remove_columns("problem_id"))


# --------------------------------------------------------------- score.training.train
def settings(**changes):
    told = {
        "run_name": "test",
        "task_type": "puzzle",
        "objective": "stage_two",
        "random_seed": 5,
        "num_turns": 2,
        "number_output_initial_generations": 4,
        "temperature": 1.0,
        "max_tokens": 10,
        "per_device_train_batch_size": 16,
        "gradient_accumulation_steps": 1,
        "local_rollout_forward_batch_size": 16,
        "total_episodes": 16,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "linear",
        "num_warmup_steps": 0,
        "save_steps": 10,
        "init_kl_coef": 0.1,
        "corr_kl_coef": 0.1,
        "kl_estimator": "k1",
        "scale_advantages": True,
        "precision": "float32",
    }
    return TrainSettings(**{**told, **changes})


def flags(first_attempts):
    return argparse.Namespace(
        init=BASE,
        reference=BASE,
        problems="data/puzzle/problems/train.jsonl",
        few_shot_dir=None,
        first_attempts=first_attempts,
        validation=None,
    )


@pytest.mark.parametrize(("share", "path"), [(0.5, None), (0.0, "sampled.parquet")])
def test_share_and_file_go_together(share, path):
    with pytest.raises(
        ValueError, match=f"is {share} and --first-attempts {path}; expected a share"
    ):
        train.offline_attempts(settings(offline_first_attempts=share), flags(path))
    assert train.offline_attempts(settings(), flags(None)) is None


def test_command_reads_the_file_and_checkpoints_are_of_that_file(tmp_path):
    rows = train.make_dataset(settings(), flags(None))
    asked = [(row["problem_id"], prompt_ids(TOKENIZER, row["prompt"])) for row in rows]
    path = write(tmp_path / "sampled.parquet", [(name, 0, 0, [7], ids) for name, ids in asked])
    told = settings(offline_first_attempts=1)
    attempts = train.offline_attempts(told, flags(str(path)))
    assert attempts.of_rollouts([asked[0][0]] * 2, 0, first=0, k=2) == [[7], [7]]
    made = train.provenance(told, flags(str(path)))["first_attempts"]
    write(path, [(name, 0, 0, [8], ids) for name, ids in asked])
    assert train.provenance(told, flags(str(path)))["first_attempts"] != made
    assert train.provenance(settings(), flags(None))["first_attempts"] is None


def test_settings_of_before_load_and_single_turn_samples_one_attempt():
    assert asdict(settings())["offline_first_attempts"] == 0.0
    assert settings(objective="single_turn", num_turns=1).num_turns == 1
    with pytest.raises(
        ValueError, match="num_turns is 1; expected 2 or more for objective stage_t"
    ):
        settings(num_turns=1)
