"""Claims: verdicts on constructed attempts for which they are known."""

import json

import numpy as np
import pytest
from judged import outcomes, write_attempts
from score.comparison.claims import main

# counts of 1,000 problems: right twice, lost, gained, wrong twice
NOTHING, GAIN = (500, 2, 2, 496), (550, 5, 100, 345)
SMALL_GAIN, LOSS = (500, 2, 42, 456), (500, 60, 10, 430)
AS_PUBLISHED = {
    "base": NOTHING,
    "score": GAIN,
    "direct_multi_turn_rl": NOTHING,
    "single_turn_rl": LOSS,
    "no_stage_one": SMALL_GAIN,
    "no_shaping": SMALL_GAIN,
    "star": LOSS,
    "pair_sft_plus": NOTHING,
}
SCALING = """arm,budget,parallel,sequential,difference,difference_low,difference_high,p_greater
base,64,0.5,0.4,-0.1,-0.2,-0.05,0.999
score,16,0.5,0.4,-0.1,-0.2,-0.05,0.999
score,32,0.6,0.65,0.05,0.03,0.07,0.00001
"""


def _shuffled(counts, number):
    """Which problems are right differs from arm to arm."""
    order = np.random.default_rng(number).permutation(sum(counts))
    return (turn[order] for turn in outcomes(*counts))


def _claims(folder, arms, scaling=None, **settings):
    """Claims by number, and the page, of arms of (both, lost, gained, neither)."""
    paths = [
        f"{name}={write_attempts(folder / name, *_shuffled(counts, number))}"
        for number, (name, counts) in enumerate(arms.items())
    ]
    (folder / "s.json").write_text(json.dumps({"bootstrap_samples": 2000, **settings}))
    flags = ["--markdown", folder / "c.md", "--json", folder / "c.json"]
    if scaling is not None:
        (folder / "scaling.csv").write_text(scaling)
        flags += ["--scaling", folder / "scaling.csv"]
    main([*map(str, ("--settings", folder / "s.json", "--attempts", *paths, *flags))])
    told = json.loads((folder / "c.json").read_text())
    return {claim["number"]: claim for claim in told["claims"]}, (folder / "c.md").read_text()


def _verdicts(claims):
    return [claim["verdict"] for claim in claims.values()]


def test_attempts_as_published_support_all_eight_claims(tmp_path, capsys):
    claims, page = _claims(tmp_path, AS_PUBLISHED, SCALING)
    assert _verdicts(claims) == ["supported"] * 8
    assert capsys.readouterr().out == page
    two = claims[2]["parts"][0]
    assert (two["quantity"], two["condition"]) == ("Δ(score)", "> 0")
    assert two["value"] == pytest.approx(0.095) and two["low"] < 0.095 < two["high"]
    quantities = [part["quantity"] for part in claims[7]["parts"]]
    assert quantities[:2] == ["Δ(score) − Δ(star)", "Acc@t2(score) − Acc@t2(star)"]
    assert len(quantities) == 4 and "Δ(score) − Δ(pair_sft_plus)" in quantities
    assert claims[8]["parts"][0]["quantity"] == "sequential − parallel(score, budget 32)"


def test_a_claims_p_is_the_largest_of_its_parts_and_then_corrected(tmp_path):
    claims, _ = _claims(tmp_path, AS_PUBLISHED, SCALING)
    ps = [claim["p"] for claim in claims.values()]
    assert ps == [max(part["p"] for part in claim["parts"]) for claim in claims.values()]
    least_sure = max(claims.values(), key=lambda claim: claim["p"])
    assert least_sure["p_holm"] == max(least_sure["p"], *(c["p_holm"] for c in claims.values()))
    assert min(c["p_holm"] for c in claims.values()) == pytest.approx(8 * min(ps))


def test_attempts_of_the_opposite_support_none(tmp_path):
    arms = {
        "base": GAIN,
        "score": LOSS,
        "direct_multi_turn_rl": GAIN,
        "single_turn_rl": GAIN,
        "no_stage_one": GAIN,
        "no_shaping": GAIN,
        "star_plus": GAIN,
        "pair_sft": GAIN,
    }
    scaling = SCALING.replace("0.05,0.03,0.07,0.00001", "-0.05,-0.07,-0.03,0.99999")
    claims, page = _claims(tmp_path, arms, scaling)
    assert _verdicts(claims) == ["not supported"] * 8
    assert "## 5. Without Stage I SCoRe falls short: not supported" in page


def test_what_a_run_lacks_is_named_and_decides_nothing(tmp_path):
    claims, page = _claims(tmp_path, {"base": NOTHING, "score": GAIN, "star": LOSS})
    verdicts = ["supported", "supported", *["undecided"] * 6]
    assert _verdicts(claims) == verdicts
    assert claims[5]["missing"] == ["arm no_stage_one"] and claims[5]["p"] is None
    assert claims[7]["missing"] == ["arm pair_sft or pair_sft_plus"]
    assert claims[8]["missing"] == ["table of sampling budgets"]
    assert "Could not be tested. Missing: arm no_shaping." in page
    # only the two that were tested are corrected for
    assert claims[2]["p_holm"] <= 2 * claims[2]["p"]
    only_base, _ = _claims(tmp_path, {"base": NOTHING}, SCALING.replace("score", "other"))
    assert only_base[8]["missing"] == ["arm score in the table of sampling budgets"]


def test_a_tiny_sample_decides_nothing(tmp_path):
    tiny = {"base": (5, 0, 0, 3), "score": (4, 0, 4, 0), "no_shaping": (5, 0, 0, 3)}
    claims, _ = _claims(tmp_path, tiny)
    assert _verdicts(claims) == ["undecided"] * 8
    # as many changes of 100 times the problems are certain
    large = {arm: tuple(100 * count for count in counts) for arm, counts in tiny.items()}
    claims, _ = _claims(tmp_path, large)
    assert [claims[number]["verdict"] for number in (1, 2, 6)] == ["supported"] * 3


def test_a_gain_below_the_margin_is_none_and_one_above_it_is(tmp_path):
    half_a_point = (50_000, 0, 500, 49_500)
    claims, _ = _claims(tmp_path, {"base": half_a_point}, bootstrap_samples=200)
    assert claims[1]["parts"][0]["condition"] == "< 1"
    assert claims[1]["parts"][0]["low"] > 0 and claims[1]["verdict"] == "supported"
    claims, page = _claims(
        tmp_path, {"base": half_a_point}, bootstrap_samples=200, claims_margin=0.003
    )
    assert claims[1]["verdict"] == "not supported"
    assert "a Δ below 0.3 % of all problems" in page


@pytest.mark.parametrize(
    ("direct", "verdict", "decisive"),
    [
        ((560, 20, 20, 400), "supported", None),  # 96 % unchanged, SCoRe 89.5 %
        ((400, 150, 150, 300), "not supported", "unchanged answers(direct_multi_turn_rl)"),
    ],
)
def test_direct_training_has_to_copy_for_the_claim_that_it_does(
    tmp_path, direct, verdict, decisive
):
    arms = {"score": GAIN, "direct_multi_turn_rl": direct}
    claims, _ = _claims(tmp_path, arms)
    failing = [part["quantity"] for part in claims[3]["parts"] if part["p"] > 0.01]
    assert [claims[3]["verdict"], *failing[:1]] == [verdict, *([decisive] if decisive else [])]


def test_the_arms_have_the_names_that_settings_give_them(tmp_path):
    claims, _ = _claims(tmp_path, {"ours": GAIN}, score="ours")
    assert claims[2]["verdict"] == "supported"
    assert claims[2]["parts"][0]["quantity"] == "Δ(ours)"


@pytest.mark.parametrize(
    ("settings", "scaling", "message"),
    [
        ({"claims_margin": -0.1}, None, "claims_margin is -0.1; expected a fraction"),
        ({"claims_margin": "1"}, None, "claims_margin is '1'"),
        ({}, "arm,budget\nscore,2\n", "scaling table .* malformed .*difference"),
        ({}, SCALING.replace("0.00001", ""), "p_greater of 'score' is nan"),
        ({}, "", "scaling table .* malformed"),
    ],
)
def test_settings_and_tables_that_decide_nothing_are_refused(tmp_path, settings, scaling, message):
    with pytest.raises(SystemExit, match=f"claims: .*{message}"):
        _claims(tmp_path, {"score": NOTHING}, scaling, **settings)
    assert not (tmp_path / "c.md").exists()
