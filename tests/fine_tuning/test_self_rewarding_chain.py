"""Self-rewarding correction and PAG of a small random chat model, from first attempts to metrics.

Its verdicts are read off its token ids, since it writes no sentences.
"""

import json
from argparse import Namespace

import pandas as pd
import pytest
from launching import TRAINING
from score.evaluation.metrics import evaluation_metrics
from score.evaluation.settings import VerifySettings
from score.evaluation.verify import verify
from score.fine_tuning import corrections
from score.fine_tuning.fine_tune import fine_tune
from score.fine_tuning.settings import FineTuneSettings
from score.policies.load import load_policy
from score.problems.problem import Problem, write_problems
from score.sampling.rollout import cut_off
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.self_verified import ReadVerdicts
from score.sampling.settings import SampleSettings
from thinking import PARITY, thinking_policy
from training_command import SIZES, flags, read, settings, train
from training_runs import same


@pytest.fixture
def parity(tmp_path, monkeypatch):
    def says(self, turns):
        whole = {True: "wrong", False: "correct"}
        return ["unread" if cut_off(t, self.stop_ids) else whole[sum(t) % 2 > 0] for t in turns]

    monkeypatch.setattr(ReadVerdicts, "__call__", says)
    (tmp_path / "parity.py").write_text(PARITY)
    return str(tmp_path / "parity.py")


def sampled(policy, task, history, problems, folder, **changes):
    told = {"task_type": task, "random_seed": 1, "num_turns": 2, "temperature": 1.0, "samples": 4}
    told |= {"max_tokens": 60, "batch_size": 64, "precision": "float32", "prompting": "pag"}
    asking = SampleSettings(**told, history_thinking=history, **changes)
    return pd.DataFrame(sample_policy(SamplingPlan(asking, policy, problems, []), folder))


@pytest.mark.slow
@pytest.mark.parametrize("history", ["keep", "strip"])
def test_trajectories_are_imitated_and_then_reinforced(tmp_path, parity, history):
    base, told = thinking_policy(tmp_path / "base"), {"task_type": parity, "random_seed": 0}
    problems = [Problem(str(i), f"{i} + {i % 7}", str(i + i % 7)) for i in range(16)]
    write_problems(tmp_path / "problems.jsonl", problems)
    rows = sampled(base, parity, history, problems, tmp_path / "shards", corrections=3)
    rows.to_parquet(tmp_path / "sampled.parquet")
    choosing = told | {"method": "self_rewarding", "history_thinking": history}
    (tmp_path / "settings.json").write_text(json.dumps(choosing))
    names = {"settings": "settings.json", "sampled": "sampled.parquet"}
    names |= {"examples": "examples.jsonl", "report": "examples.json"}
    files = [part for name, file in names.items() for part in (f"--{name}", str(tmp_path / file))]
    corrections.main([*files, "--policy", base])
    kinds = json.loads((tmp_path / "examples.json").read_text())["examples_by_kind"]
    assert kinds["verdict_wrong"] == kinds["incorrect_to_correct"] > 0 < kinds["verdict_correct"]

    tuned = tmp_path / "self_rewarding"
    tuned.mkdir()
    names = {"policy": "policy", "records": "training.jsonl", "checkpoints": "checkpoints"}
    where = {name: str(tuned / file) for name, file in names.items()}
    where |= {"init": base, "examples": str(tmp_path / "examples.jsonl")}
    common = {k: v for k, v in (TRAINING | SIZES).items() if k in FineTuneSettings.names()}
    common |= {"objective": "self_rewarding", "updates": 3, "num_warmup_steps": 0}
    imitating = FineTuneSettings(**common)
    fine_tune(imitating, Namespace(**where))
    assert not same(*(load_policy(p, "float32").state_dict() for p in (where["policy"], base)))

    for objective, init in (("self_rewarding_rl", where["policy"]), ("pag", base)):
        folder = tmp_path / objective
        folder.mkdir()
        training = settings(
            3,
            objective=objective,
            task_type=parity,
            history_thinking=history,
            max_tokens=60,
            num_warmup_steps=0,
            kl_estimator="k2",
        )
        files = {"init": init, "reference": init, "problems": str(tmp_path / "problems.jsonl")}
        train.train(training, flags(folder, training, **files))
        lines = read(folder)
        assert len(lines) == 3 and all(line["grad_norm"] > 0 for line in lines)
        # The reference scores fewer rows at a time than the policy, which rounds otherwise.
        assert max(abs(lines[0]["kl_t1"]), abs(lines[0]["kl_t2"])) < 1e-5 < abs(lines[-1]["kl_t2"])
        assert ("verifier_deviation" in lines[0]) == (objective == "pag")
        policy, shards = str(folder / "policy"), folder / "shards"
        attempts = verify(
            sampled(policy, parity, history, problems, shards), VerifySettings(task_type=parity)
        )
        metrics = evaluation_metrics(attempts, samples=100, seed=0)
        assert metrics["verifier_turns"]["2"]["taken"] == 64
