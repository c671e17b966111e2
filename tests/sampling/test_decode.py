"""No position is computed twice, and what is sampled is what plain passes would sample."""

import pytest
import torch
from sampling_runs import BRIDGE, POLICY, STOP, ragged_prompts
from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.rollout import sample_rollouts
from stand_in_engine import TOKENIZER

K, C = 4, 3
LIMIT = 10


def generator(batch_size=64, policy=POLICY, temperature=1.0):
    config = sampling_config(LIMIT, temperature, STOP, TOKENIZER.pad_token_id)
    return HFGenerate(policy, config, batch_size)


def forgetful(generate):
    """The same, computing all prompts of every call, and each row of them."""

    def anew(prompts, seeds):
        generate.kept = None
        one_by_one = [generate([p], [s]) for p, s in zip(prompts, seeds, strict=True)]
        return [attempt for attempts in one_by_one for attempt in attempts]

    return anew


@pytest.fixture
def computed(monkeypatch):
    """Shapes (rows, positions) of all passes."""
    shapes, forward = [], POLICY.forward

    def watched(*arguments, **named):
        shapes.append(tuple(named["input_ids"].shape))
        return forward(*arguments, **named)

    monkeypatch.setattr(POLICY, "forward", watched)
    return shapes


def test_turns_that_go_on_from_kept_conversations_are_those_sampled_anew():
    prompts = [p for p in ragged_prompts() for _ in range(K)]
    seeds = [[i, 100 + i, 200 + i] for i in range(len(prompts))]
    fast = sample_rollouts(prompts, BRIDGE, generator(), STOP, 3, seeds)
    plain = sample_rollouts(prompts, BRIDGE, forgetful(generator()), STOP, 3, seeds)
    assert fast == plain
    assert len({len(a) for rollout in fast for a in rollout.attempts}) > 2, "too alike to tell"


def test_prompts_that_are_alike_are_computed_once_and_kept_conversations_not_again(computed):
    prompts = [p for p in ragged_prompts(6) for _ in range(K)]
    rollouts = sample_rollouts(prompts, BRIDGE, generator(), STOP)
    first, *decoding = computed
    assert first == (6, max(map(len, prompts)))
    starts = [shape for shape in decoding if shape[1] > 1]
    # turn 2 begins with the last token of attempt 1 and the bridge; alike conversations share a row
    histories = {tuple(r.prompt + r.attempts[0]) for r in rollouts}
    longest = max(1 + len(r.bridges[0]) for r in rollouts)
    assert starts == [(len(histories), longest)]


def test_several_corrections_of_a_kept_conversation_go_on_from_it(computed):
    prompts = ragged_prompts(6)
    generate = generator()
    first = generate(prompts, list(range(6)))
    histories = [p + a + BRIDGE.after(a) for p, a in zip(prompts, first, strict=True)]
    computed.clear()
    several = generate([h for h in histories for _ in range(C)], list(range(6 * C)))
    assert computed[0] == (6, max(1 + len(BRIDGE.after(a)) for a in first))
    anew = forgetful(generator())([h for h in histories for _ in range(C)], list(range(6 * C)))
    assert several == anew


def test_rows_that_have_ended_are_computed_no_more(computed):
    prompts = [p for p in ragged_prompts() for _ in range(K)]
    attempts = generator(temperature=3.0)(prompts, list(range(len(prompts))))
    assert len({len(attempt) for attempt in attempts}) > 3, "too alike to tell anything"
    rows = [rows for rows, positions in computed if positions == 1]
    for step, count in enumerate(rows, start=1):
        going = sum(len(attempt) > step for attempt in attempts)
        assert going <= count <= going / 0.75 + 1
    assert rows[-1] < rows[0] / 2


def test_draws_without_seeds_come_from_torch_and_do_not_depend_on_the_batches():
    prompts = ragged_prompts()
    sampled = []
    for batch_size in (64, 5):
        torch.manual_seed(3)
        sampled.append(generator(batch_size)(prompts, None))
    assert sampled[0] == sampled[1] != generator()(prompts, None)


def test_conversations_that_the_prompts_do_not_go_on_from_are_left():
    generate, others = generator(), ragged_prompts()[::-1]
    generate(ragged_prompts(), list(range(12)))
    assert generate(others, list(range(12))) == generator()(others, list(range(12)))
