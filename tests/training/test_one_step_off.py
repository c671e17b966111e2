"""One-step-off sampling, on a stand-in for TRL's engine and the server behind it."""

import copy
import threading

import pytest
import torch
from launching import TRAINING
from score.training.checkpoints import newest_whole_checkpoint
from score.training.config import SCoReConfig
from score.training.settings import TrainSettings
from stand_in_engine import StandIn
from training_runs import CLIPPED_LOSS, StopAfter, make_trainer, records, same, weights
from transformers import TrainerCallback
from trl.trainer import grpo_trainer

SERVER = {"use_vllm": True, "vllm_mode": "server"}


class Server(StandIn):
    """Samples from weights of its own, as they were when they were last given to it.

    sampled: of each turn that it samples, in order, its weights and whether another thread asked.
    busy: how many ask. before: called before it samples for another thread.
    """

    def __init__(self, model, *told, **settings):
        # A deep copy would not do: forward passes that TRL has put on a model stay those of that model.
        own = type(model)(model.config)
        own.load_state_dict(model.state_dict())
        super().__init__(own.eval(), *told, **settings)
        self.trained, self.sampled, self.busy, self.before = model, [], 0, lambda: None
        self.vllm_client = self  # which TRL asks whether log-probabilities are those of sampling

    def get_server_info(self):
        return {"model_config": {"logprobs_mode": "processed_logprobs"}}

    @torch.no_grad()
    def logps(self, prompt, attempt):
        logits = self.model(torch.tensor([prompt + attempt])).logits[0, len(prompt) - 1 : -1]
        told = (logits / self.temperature).log_softmax(-1)
        return told.gather(1, torch.tensor(attempt)[:, None])[:, 0].tolist()

    def sync_weights(self):
        assert not self.busy
        self.model.load_state_dict(self.trained.state_dict())

    def generate(self, prompts, images, num_generations, profiler=None):
        assert not self.busy
        self.busy += 1
        ahead = threading.current_thread() is not threading.main_thread()
        if ahead:
            self.before()
        start = copy.deepcopy(self.model.state_dict())
        found = super().generate(prompts, images, num_generations)
        self.sampled.append((start, ahead, [tuple(prompt) for prompt in prompts]))
        self.busy -= 1
        return found


class Noting(TrainerCallback):
    """The weights before the first update and after each."""

    def __init__(self):
        self.weights = []

    def on_train_begin(self, args, state, control, model, **kwargs):
        self.weights.append(copy.deepcopy(model.state_dict()))

    on_step_end = on_train_begin


@pytest.fixture
def with_server(monkeypatch, tmp_path):
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", Server)

    def make(folder="run", **changes):
        torch.manual_seed(0)
        told = {"one_step_off": True, "warmup_steps": 0, "max_steps": 4, **SERVER, **changes}
        return make_trainer(tmp_path / folder, **told)

    return make


def first_turns(trainer):
    """What the server samples first attempts on and from which weights, set by set."""
    return trainer.vllm_generation.sampled[::2]


def test_next_set_is_sampled_during_an_update_from_the_weights_that_it_starts_with(with_server):
    trainer, noting, computed = with_server(), Noting(), threading.Semaphore(0)
    # The server samples nothing until the loss of the update under way was computed.
    trainer.vllm_generation.before = lambda: computed.acquire(timeout=60) or pytest.fail("waits")
    compute = trainer._compute_loss

    def noted(model, inputs):
        found = compute(model, inputs)
        computed.release(2)  # of both turns
        return found

    trainer._compute_loss = noted
    trainer.add_callback(noting)
    trainer.train()
    assert [ahead for _, ahead, _ in first_turns(trainer)] == [False, True, True, True]
    for (served, _, _), step in zip(first_turns(trainer), [0, 0, 1, 2], strict=True):
        assert same(served, noting.weights[step])
    assert not same(noting.weights[1], noting.weights[2])
    of_updates = records(trainer)
    assert [r["step"] for r in of_updates] == [1, 2, 3, 4]
    assert of_updates[0]["sampler_gap"] < 1e-5 < of_updates[1]["sampler_gap"]
    assert trainer.ahead is None and "sampling ahead" not in [t.name for t in threading.enumerate()]


def test_sets_are_those_of_training_without_it(with_server):
    off = with_server("off", one_step_off=False, max_steps=10)
    on = with_server("on", max_steps=10)
    off.train(), on.train()
    asked = [[prompts for _, _, prompts in first_turns(one)] for one in (off, on)]
    assert asked[0] == asked[1] and len(asked[0]) == 10  # 8 are an epoch


@pytest.mark.parametrize(
    "changes",
    [{}, {**CLIPPED_LOSS, "objective": "grpo", "num_turns": 1, "per_device_train_batch_size": 8}],
    ids=["reinforce", "two updates a set"],
)
def test_interrupted_training_resumes_bit_for_bit(with_server, changes):
    changes = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, **changes}
    whole = with_server("whole", **changes)
    whole.train()
    cut = with_server("cut", **changes)
    cut.add_callback(StopAfter(2))
    cut.train()
    resumed = with_server("cut", **changes)
    resumed.train(resume_from_checkpoint=newest_whole_checkpoint(resumed.args.output_dir))
    assert same(weights(whole), weights(resumed)) and records(whole) == records(resumed)
    sets = len(first_turns(whole)) if changes.get("num_turns") != 1 else 3
    assert len(first_turns(resumed)) < sets  # that of the checkpoint is not sampled again


def test_validation_in_between_waits_for_the_set_and_changes_nothing(with_server):
    class Greedy(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            trainer.sample_greedily([row["prompt"] for row in list(trainer.train_dataset)[:2]], 2)

    plain = with_server("plain")
    plain.train()
    trainer = with_server("validated")
    trainer.add_callback(Greedy())
    trainer.train()
    assert same(weights(plain), weights(trainer))


def test_error_of_the_server_ends_training(with_server):
    trainer = with_server()

    def refuse():
        raise ConnectionError("the server is gone")

    trainer.vllm_generation.before = refuse
    with pytest.raises(ConnectionError, match="the server is gone"):
        trainer.train()


REFUSED = {
    "vllm_server_url is not sampled from with one_step_off; expected an": {"vllm_mode": "colocate"},
    "objective is thinktwice with one_step_off": {**CLIPPED_LOSS, "objective": "thinktwice"},
    "offline_first_attempts is 0.5 with": {"objective": "stage_two", "offline_first_attempts": 0.5},
    "dynamic_sampling_rounds is 1 with one_step_off": {
        **CLIPPED_LOSS,
        "objective": "grpo",
        "num_turns": 1,
        "dynamic_sampling_rounds": 1,
    },
}


@pytest.mark.parametrize(("message", "changes"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_sampled_ahead_is_refused(tmp_path, message, changes):
    told = {"one_step_off": True, "use_cpu": True, "bf16": False, **SERVER, **changes}
    with pytest.raises(ValueError, match=message):
        SCoReConfig(output_dir=str(tmp_path), **told)


def test_job_without_a_server_is_refused_before_it_starts():
    with pytest.raises(ValueError, match="vllm_server_url is not sampled from with one_step_off"):
        TrainSettings(**TRAINING, one_step_off=True, vllm_server_url="http://node1:8000")
