"""Drawing tokens from numbers that follow from what is sampled: the whole softmax, and nothing else."""

import torch
from score.sampling.draws import draw_tokens, turn_seeds, uniforms

LOGITS = torch.tensor([2.0, -1.0, 0.5, 0.0, -3.0, 1.0, -torch.inf, 2.5])


def draw(numbers, temperature):
    return draw_tokens(LOGITS.expand(len(numbers), -1), temperature, numbers).flatten()


def chi_square(counts, expected):
    kept = expected > 0
    return ((counts[kept] - expected[kept]).square() / expected[kept]).sum().item()


def test_frequencies_are_those_of_the_softmax_at_the_temperature():
    """6 degrees of freedom: above 38.3 in one of a million experiments."""
    seeds = [turn_seeds(0, f"problem-{i}", 0, 1)[0] for i in range(20_000)]
    numbers = uniforms(seeds, 1)
    for temperature in (0.5, 1.0, 2.0):
        counts = torch.bincount(draw(numbers, temperature), minlength=8).double()
        expected = 20_000 * (LOGITS.double() / temperature).softmax(-1)
        assert counts[6] == 0
        assert chi_square(counts, expected) < 38.3
        other = 20_000 * (LOGITS.double() / (temperature * 1.2)).softmax(-1)
        assert chi_square(counts, other) > 38.3, "the check tells temperatures apart"


def test_positions_of_one_attempt_are_independent_draws():
    numbers = uniforms(turn_seeds(0, "problem", 0, 1), 20_000)[0]
    pairs = (numbers[:-1] * 4).floor() * 4 + (numbers[1:] * 4).floor()
    counts = torch.bincount(pairs.long(), minlength=16).double()
    assert chi_square(counts, torch.full((16,), 19_999 / 16)) < 56.5  # 15 degrees, one in a million


def test_token_of_probability_zero_is_never_drawn():
    """Not at the smallest number and not at the largest, where rounding could pass the end."""
    edges = torch.tensor([[0.0], [1 - 2**-53]], dtype=torch.float64)
    first_impossible = torch.tensor([-torch.inf, 0.0, 0.0])
    assert draw_tokens(first_impossible.expand(2, -1), 1.0, edges).flatten().tolist() == [1, 2]
    last_impossible = torch.tensor([0.0, 0.0, -torch.inf])
    assert draw_tokens(last_impossible.expand(2, -1), 1.0, edges).flatten().tolist() == [0, 1]


def test_rare_tokens_of_a_large_vocabulary_are_reached():
    """10^5 tokens share half of the mass: in float32 their sums would stand still for many of them."""
    logits = torch.full((1, 100_001), -torch.tensor(100_000.0).log().item())
    logits[0, 0] = 0.0
    numbers = 0.5 + 0.5 * (torch.arange(1000, dtype=torch.float64)[:, None] + 0.5) / 1000
    drawn = torch.cat([draw_tokens(logits.expand(20, -1), 1.0, n) for n in numbers.split(20)])
    drawn = drawn.flatten()
    assert (drawn - (1 + 100 * torch.arange(1000) + 50)).abs().max() <= 2


def test_every_seed_problem_sample_and_turn_has_draws_of_its_own():
    keys = [(s, p, k) for s in (0, 1) for p in ("1", "11", "1, 1") for k in (0, 1)]
    seeds = [seed for key in keys for seed in turn_seeds(*key, 3)]
    assert len(set(seeds)) == 36
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert turn_seeds(0, "1", 0, 2) == turn_seeds(0, "1", 0, 3)[:2]
    assert torch.equal(uniforms(seeds, 5), uniforms(seeds, 9)[:, :5])


def test_corrections_share_the_seed_of_their_first_attempt_and_critiques_change_none():
    plain = [turn_seeds(5, "p", 0, 3, correction) for correction in range(3)]
    assert plain[0] == turn_seeds(5, "p", 0, 3)
    assert plain[0][:2] == [8844983639236848006, 6107758015688168102], "draws are for ever"
    assert len({row[0] for row in plain}) == 1
    critical = [turn_seeds(5, "p", 0, 3, correction, critiques=True) for correction in range(3)]
    assert [row[::2] for row in critical] == plain, "attempt 1, critique, attempt 2, critique, …"
    every = {seed for row in plain + critical for seed in row}
    assert len(every) == 1 + 3 * 2 + 3 * 2


def test_tokens_are_those_at_which_the_whole_sum_passes_the_number():
    """Also where the vocabulary is no multiple of a block, and whole blocks have no probability."""
    drawn = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(50, 1000, generator=drawn)
    logits[:, 200:600] = -torch.inf
    logits[::2, 900:] = -torch.inf
    numbers = torch.rand(50, 1, generator=drawn, dtype=torch.float64)
    numbers[:4] = torch.tensor([[0.0], [0.0], [1 - 2**-53], [1 - 2**-53]])
    sums = logits.softmax(-1).double().cumsum(-1)
    tokens = draw_tokens(logits, 1.0, numbers)
    expected = torch.searchsorted(sums, numbers * sums[:, -1:], right=True)
    assert torch.equal(tokens[4:], expected[4:])
    assert logits.gather(1, tokens).isfinite().all()
    alone = [draw_tokens(logits[i : i + 1], 1.0, numbers[i : i + 1]) for i in range(50)]
    assert torch.equal(torch.cat(alone), tokens)
