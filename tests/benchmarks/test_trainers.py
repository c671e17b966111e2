"""What is timed does what it is said to: equal tokens on both sides, and a floor that is right."""

import pytest
import torch
from score.benchmarks.floor import floor_of
from score.benchmarks.lengths import Lengths
from score.benchmarks.models import random_policy
from score.benchmarks.trainers import K, OurUpdate, Size, updates

SIZE = Size(rollouts=2 * K, rows=K, new=6, equal=False, words=8)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return random_policy("tiny", str(tmp_path_factory.mktemp("policy")), "cpu", "float32")


def test_lengths_are_all_the_limit_or_ragged_and_never_beyond_it():
    assert Lengths(4, 5, equal=True).turns == [[5] * 4] * 2
    ragged = Lengths(400, 20, equal=False)
    assert min(map(min, ragged.turns)) == 1 and max(map(max, ragged.turns)) == 20
    assert sum(ragged.of_both()) / 800 == pytest.approx(5, abs=0.5)  # 4 / 20 ends each token


@pytest.mark.parametrize("equal", [True, False])
def test_all_trainers_sample_and_train_exactly_as_many_tokens(policy, equal):
    size = SIZE._replace(equal=equal)
    made = updates(policy, "cpu", size, ["score", "trl", "plain"])
    taken = {name: update() for name, update in made.items()}
    want = sum(size.lengths().of_both())
    assert {name: update.sampled for name, update in made.items()} == dict.fromkeys(made, want)
    assert all(one["seconds"] > 0 and one["cpu_seconds"] > 0 for one in taken.values())
    # TRL is measured with its own head, though SCoRe's is set for the process.
    of_trl, of_score = (
        {name: value for values in made[side].head.values() for name, value in values.items()}
        for side in ("trl", "score")
    )
    assert of_trl["_CHUNKED_LOGPROB_CHUNK_SIZE"] == 32768
    assert of_trl["_forward_tile"].__module__.startswith("trl.")
    assert all(of_score[name] is not value for name, value in of_trl.items())
    assert made["plain"].tokens > made["score"].tokens  # prompts are read K times


def test_an_update_can_be_run_again_and_trains_again(policy):
    update = OurUpdate(policy, "cpu", SIZE)
    update()
    before = [weight.clone() for weight in update.trainer.model.parameters()]
    update()
    assert any(
        (a != b).any() for a, b in zip(before, update.trainer.model.parameters(), strict=True)
    )


def test_floor_scores_whole_conversations_and_has_their_gradient(policy):
    floor = floor_of(OurUpdate(policy, "cpu", SIZE._replace(equal=True)), policy)
    first, second = floor.generate()
    assert first.shape == second.shape == (2 * K, 6)
    hidden, ids = floor.hidden(floor.policy, first, second)
    logps = floor.logps(floor.policy, hidden, ids)

    prompts = floor.prompts.repeat_interleave(K, 0)
    whole = torch.cat([prompts, first, floor.between, second], 1)
    plain = floor.policy(input_ids=whole).logits.log_softmax(-1)[:, :-1]
    plain = plain.gather(-1, whole[:, 1:, None]).squeeze(-1)
    start, behind = prompts.size(1) - 1, prompts.size(1) - 1 + 6 + floor.between.size(1)
    plain = torch.cat([plain[:, start : start + 6], plain[:, behind : behind + 6]], 1).flatten()
    torch.testing.assert_close(logps, plain, atol=1e-5, rtol=0)

    signs = torch.ones_like(plain)
    signs[::2] = -1
    weights = [*floor.policy.parameters()]
    wanted = torch.autograd.grad((plain * signs).sum(), weights)
    floor.backward(first, second)
    for weight, gradient in zip(weights, wanted, strict=True):
        torch.testing.assert_close(weight.grad, gradient, atol=1e-4, rtol=1e-4)
