"""Claims: verdicts on constructed attempts for which they are known."""

import json

import numpy as np
import pytest
from judged import outcomes, write_attempts
from score.comparison.claims import main
from score.comparison.verdicts import Claim, Part, decided

# counts of 1,000 problems: right twice, lost, gained, wrong twice
NOTHING, GAIN = (500, 2, 2, 496), (550, 5, 100, 345)
SMALL_GAIN, LOSS, FIRST_ALONE = (500, 2, 42, 456), (450, 60, 10, 480), (600, 60, 10, 330)
AS_PUBLISHED = {
    "base": NOTHING,
    "score": GAIN,
    "direct_multi_turn_rl": NOTHING,
    "single_turn_rl": FIRST_ALONE,
    "no_stage_one": SMALL_GAIN,
    "no_shaping": SMALL_GAIN,
    "star": LOSS,
    "pair_sft_plus": NOTHING,
}
SCALING = """arm,budget,parallel,sequential,difference,difference_low,difference_high,p_greater
base,64,0.5,0.4,-0.1,-0.2,-0.05,0.999
score,32,0.6,0.65,0.05,0.03,0.07,0.00001
score,16,0.5,0.52,0.02,0.01,0.03,0.0001
"""


def _shuffled(counts, number):
    """Which problems are right differs from arm to arm."""
    order = np.random.default_rng(number).permutation(sum(counts))
    return (turn[order] for turn in outcomes(*counts))


def _claims(folder, arms, scaling=None, times=5, **settings):
    """Claims by number, the page and all that is told, of arms of (both, lost, gained, neither).

    An arm may have several of these, a seed each. times: as many problems as the counts say.
    """
    paths = []
    for number, (name, counts) in enumerate(arms.items()):
        seeds = counts if isinstance(counts, list) else [counts]
        for seed, of_seed in enumerate(seeds):
            instance = f"{name}/seed{seed}" if len(seeds) > 1 else name
            turns = _shuffled([times * count for count in of_seed], number + 100 * seed)
            paths.append(f"{instance}={write_attempts(folder / instance / 'a', *turns)}")
    (folder / "s.json").write_text(json.dumps(settings))
    flags = ["--markdown", folder / "c.md", "--json", folder / "c.json"]
    if scaling is not None:
        (folder / "scaling.csv").write_text(scaling)
        flags += ["--scaling", folder / "scaling.csv"]
    main([*map(str, ("--settings", folder / "s.json", "--attempts", *paths, *flags))])
    told = json.loads((folder / "c.json").read_text())
    claims = {claim["number"]: claim for claim in told["claims"]}
    return claims, (folder / "c.md").read_text(), told


def _verdicts(claims):
    return [claim["verdict"] for claim in claims.values()]


def _parts(claim):
    return {part["quantity"]: part["verdict"] for part in claim["parts"]}


def test_attempts_as_published_support_all_eight_claims(tmp_path, capsys):
    claims, page, _ = _claims(tmp_path, AS_PUBLISHED, SCALING)
    assert _verdicts(claims) == ["supported"] * 8
    assert capsys.readouterr().out == page
    assert {part["verdict"] for c in claims.values() for part in c["parts"]} == {"supported"}
    two = claims[2]["parts"][0]
    assert (two["quantity"], two["condition"]) == ("Δ(score)", "> 0")
    assert two["value"] == pytest.approx(0.095) and two["low"] < 0.095 < two["high"]


def test_claims_consist_of_what_the_paper_says(tmp_path):
    claims, page, _ = _claims(tmp_path, AS_PUBLISHED, SCALING)
    asked = {
        number: [f"{part['quantity']} {part['condition']}" for part in claim["parts"]]
        for number, claim in claims.items()
    }
    assert asked[1] == ["Δ(base) < 1"] and asked[2] == ["Δ(score) > 0"]
    direct = "direct_multi_turn_rl"
    assert asked[3] == [
        f"changed answers(score) − changed answers({direct}) > 0",
        f"Acc@t2(score) − Acc@t2({direct}) > 0",
        f"Δ(score) − Δ({direct}) > 0",
        f"Δ({direct}) − Δ(base) < 1",
    ]
    single = "single_turn_rl"
    assert asked[4] == [f"Δ({single}) < 1", f"Acc@t1({single}) − Acc@t1(base) > 0"]
    for number, arm in ((5, "no_stage_one"), (6, "no_shaping")):
        expected = [f"{rate}(score) − {rate}({arm}) > 0" for rate in ("Acc@t2", "Δ")]
        assert asked[number] == expected
    assert asked[7] == [
        f"{rate}(score) − {rate}({arm}) > 0"
        for arm in ("star", "pair_sft_plus")
        for rate in ("Acc@t1", "Acc@t2", "Δ")
    ]
    at = "sequential − parallel(score, budget {}) > 0"
    assert asked[8] == [at.format(16), at.format(32)]
    assert "this margin is ours, the paper has none" in page and "90 %" not in page


def test_one_part_that_fails_is_named_and_the_others_keep_their_verdict(tmp_path):
    # direct RL falls short of SCoRe in all, but gains four points over base
    arms = AS_PUBLISHED | {"direct_multi_turn_rl": SMALL_GAIN, "pair_sft_plus": (600, 2, 2, 396)}
    scaling = SCALING.replace("0.02,0.01,0.03,0.0001", "0.01,-0.01,0.03,0.2")
    claims, page, _ = _claims(tmp_path, arms, scaling)
    three, seven, eight = (_parts(claims[number]) for number in (3, 7, 8))
    assert claims[3]["verdict"] == "not supported"
    assert list(three.values()) == [*["supported"] * 3, "not supported"]
    # its first attempts are better than SCoRe's, and all else worse
    assert claims[7]["verdict"] == "not supported"
    assert list(seven.values()) == [*["supported"] * 3, "not supported", *["supported"] * 2]
    assert list(eight.values()) == ["undecided", "supported"]
    assert claims[8]["verdict"] == "undecided"
    assert "## 3. Direct multi-turn RL does not learn to correct: not supported" in page


def test_single_turn_rl_has_to_be_better_than_base_at_attempt_1(tmp_path):
    claims, _, _ = _claims(tmp_path, {"base": NOTHING, "single_turn_rl": LOSS})
    assert list(_parts(claims[4]).values()) == ["supported", "undecided"]
    assert claims[4]["verdict"] == "undecided"


def test_attempts_of_the_opposite_support_none(tmp_path):
    arms = dict.fromkeys(AS_PUBLISHED, GAIN) | {"score": LOSS, "pair_sft": GAIN}
    scaling = SCALING.replace("0.05,0.03,0.07,0.00001", "-0.05,-0.07,-0.03,0.99999")
    claims, page, _ = _claims(tmp_path, arms, scaling)
    assert _verdicts(claims) == ["not supported"] * 8
    assert "## 5. Without Stage I SCoRe falls short: not supported" in page


def _claim(number, *ps):
    """A claim of parts with these one-sided p."""
    parts = [Part("", "> 0", 0.0, 0.0, 0.0, p, 1 - p) for p in ps]
    return Claim(number, "", parts, [])


def test_confirmations_and_refutations_are_corrected_as_one_family():
    one, two, missing = _claim(1, 0.001, 0.002), _claim(2, 0.9985), Claim(3, "", [], ["arm"])
    decided([one, two, missing])
    # p 0.002 and 2 x 0.998 of the first, 0.9985 and 0.0015 of the second: four in order
    assert (one.p, two.p_against) == (0.002, pytest.approx(0.0015))
    assert two.p_against_holm == pytest.approx(4 * 0.0015)
    assert one.p_holm == pytest.approx(3 * 0.002)
    assert (one.verdict, two.verdict) == ("supported", "not supported")
    assert missing.p is None and missing.verdict == "undecided"


def test_a_refutation_pays_for_all_claims_and_for_all_parts_of_its_own():
    # uncorrected, 0.004 would be below 0.01
    single = decided([_claim(1, 0.996), _claim(2, 0.5)])[0]
    assert single.p_against_holm == pytest.approx(4 * 0.004) and single.verdict == "undecided"
    of_three = decided([_claim(1, 0.998, 0.5, 0.5)])[0]
    assert of_three.p_against_holm == pytest.approx(2 * 3 * 0.002)
    assert of_three.verdict == "undecided"
    assert decided([_claim(1, 0.998)])[0].verdict == "not supported"


def test_a_claim_is_supported_when_all_parts_are_and_not_when_one_is_not():
    rng = np.random.default_rng(0)
    for _ in range(10):
        ps = 10 ** -rng.uniform(0, 4, 9)
        ps = np.where(rng.random(9) < 0.5, ps, 1 - ps)
        for claim in decided([_claim(1, *ps[:4]), _claim(2, *ps[4:6]), _claim(3, *ps[6:])]):
            verdicts = {part.verdict for part in claim.parts}
            assert (claim.verdict == "supported") == (verdicts == {"supported"})
            assert (claim.verdict == "not supported") == ("not supported" in verdicts)


def test_few_seeds_that_differ_leave_open_what_one_would_seem_to_show(tmp_path):
    # gains of 4, 9 and 14 points: sd of their mean 2.9, t of two degrees 3.1
    kinds = [(500, 5, 45, 450), (500, 5, 95, 400), (500, 5, 145, 350)]
    assert _claims(tmp_path / "1", {"score": kinds[0]})[0][2]["verdict"] == "supported"
    claims, _, _ = _claims(tmp_path / "3", {"score": kinds})
    assert claims[2]["p"] == pytest.approx(0.045, abs=0.002)
    assert claims[2]["verdict"] == "undecided"


def test_the_summed_return_is_a_comparison_of_ours_outside_the_family(tmp_path):
    claims, page, told = _claims(tmp_path / "1", AS_PUBLISHED)
    assert told["further"] == [] and "Further" not in page
    arms = AS_PUBLISHED | {"summed_return_rl": SMALL_GAIN}
    again, page, told = _claims(tmp_path / "2", arms)
    assert {n: c["p_holm"] for n, c in again.items()} == {n: c["p_holm"] for n, c in claims.items()}
    asked = [part["quantity"] for part in again[3]["parts"]]
    renamed = [name.replace("direct_multi_turn_rl", "summed_return_rl") for name in asked]
    assert [part["quantity"] for part in told["further"]] == renamed
    assert "verdict" not in told["further"][0]
    assert "## Further comparison: RL on the summed return" in page and "Ours: " in page


def test_what_a_run_lacks_is_named_and_decides_nothing(tmp_path):
    claims, page, _ = _claims(tmp_path, {"base": NOTHING, "score": GAIN, "star": LOSS})
    verdicts = ["supported", "supported", *["undecided"] * 6]
    assert _verdicts(claims) == verdicts
    assert claims[5]["missing"] == ["arm no_stage_one"] and claims[5]["p"] is None
    assert claims[7]["missing"] == ["arm pair_sft or pair_sft_plus"]
    assert claims[8]["missing"] == ["table of sampling budgets"]
    assert "Could not be tested. Missing: arm no_shaping." in page
    # only the two that were tested are corrected for
    assert claims[2]["p_holm"] <= 4 * claims[2]["p"]
    only_base, _, _ = _claims(tmp_path, {"base": NOTHING}, SCALING.replace("score", "other"))
    assert only_base[8]["missing"] == ["arm score in the table of sampling budgets"]


def test_a_tiny_sample_decides_nothing(tmp_path):
    tiny = {"base": (5, 0, 0, 3), "score": (4, 0, 4, 0), "no_shaping": (5, 0, 0, 3)}
    assert _verdicts(_claims(tmp_path, tiny, times=1)[0]) == ["undecided"] * 8
    # as many changes of 200 times the problems are certain
    claims, _, _ = _claims(tmp_path, tiny, times=200)
    assert [claims[number]["verdict"] for number in (1, 2, 6)] == ["supported"] * 3


def test_a_gain_below_the_margin_is_none_and_one_above_it_is(tmp_path):
    half_a_point = {"base": (500, 0, 5, 495)}
    claims, _, _ = _claims(tmp_path, half_a_point, times=100)
    assert claims[1]["parts"][0]["condition"] == "< 1"
    assert claims[1]["parts"][0]["low"] > 0 and claims[1]["verdict"] == "supported"
    claims, page, _ = _claims(tmp_path, half_a_point, times=100, claims_margin=0.003)
    assert claims[1]["verdict"] == "not supported"
    assert "to gain less than 0.3 % of all problems" in page


def test_the_arms_have_the_names_that_settings_give_them(tmp_path):
    claims, _, _ = _claims(tmp_path, {"ours": GAIN}, score="ours")
    assert claims[2]["verdict"] == "supported"
    assert claims[2]["parts"][0]["quantity"] == "Δ(ours)"


@pytest.mark.parametrize(
    ("settings", "scaling", "message"),
    [
        ({"claims_margin": -0.1}, None, "claims_margin is -0.1; expected a fraction"),
        ({"claims_margin": "1"}, None, "claims_margin is '1'"),
        ({"claims_copy_rate": 0.9}, None, "unknown key 'claims_copy_rate'"),
        ({}, "arm,budget\nscore,2\n", "scaling table .* malformed .*difference"),
        ({}, SCALING.replace("0.00001", ""), "p_greater of 'score' is nan"),
        ({}, "", "scaling table .* malformed"),
    ],
)
def test_settings_and_tables_that_decide_nothing_are_refused(tmp_path, settings, scaling, message):
    with pytest.raises(SystemExit, match=f"claims: .*{message}"):
        _claims(tmp_path, {"score": NOTHING}, scaling, **settings)
    assert not (tmp_path / "c.md").exists()
