"""Which arms count as trained on equal terms, and what claims say where they are not."""

import json

import pytest
from judged import outcomes, write_attempts
from refusals import says
from score.comparison.claims import main
from score.comparison.comparability import Comparability, Terms
from score.comparison.verdicts import Claim, Part, decided

EQUAL = {"kl": [[0.03, 0.03]], "scaled": True, "attempts": 1000, "updates": 10}


def _differences(**changes):
    terms = {"score": Terms(**EQUAL), "other": Terms(**{**EQUAL, **changes})}
    return Comparability(terms).differences("score", "other")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"attempts": 1009}, []),  # rounds don't divide evenly
        ({"kl": [[0.1, 0.03]]}, ["KL weights: 0.03/0.03 of score, 0.1/0.03 of other"]),
        ({"kl": [[0.03]]}, []),  # single-turn RL has one turn, and of that the same weight
        ({"kl": [[0.1]]}, ["KL weights: 0.03 of score, 0.1 of other"]),
        ({"kl": [[None, 0.03]]}, []),  # its first attempts are not trained
        ({"kl": [[0.0, 0.03]]}, ["KL weights: 0.03/0.03 of score, 0/0.03 of other"]),
        ({"kl": None, "scaled": None}, []),  # imitation has no KL
        ({"scaled": False}, ["updates: divided by σ of score, not divided by σ of other"]),
        ({"attempts": 2000}, ["attempts: 1,000 of score, 2,000 of other"]),
        ({"updates": 11}, ["updates: 10 of score, 11 of other"]),
        ({"attempts": None}, ["attempts of other are not known ahead"]),
        ({"candidates": 3}, ["candidates: 0 of score, 3 of other"]),
    ],
)
def test_what_two_arms_differ_in_is_named(changes, expected):
    assert _differences(**changes) == expected


def test_weights_that_were_tuned_are_compared_as_grids_in_any_order():
    tuned = {"candidates": 2, "tuning_attempts": 8, "judged_on": 100}
    one, other = [[0.1, 0.1], [0.3, 0.3]], [[0.3, 0.3], [0.1, 0.1]]
    terms = {
        "a": Terms(**{**EQUAL, "kl": one}, **tuned),
        "b": Terms(**{**EQUAL, "kl": other}, **tuned),
    }
    assert Comparability(terms).differences("a", "b") == []
    terms["b"].judged_on, terms["b"].tuning_attempts = 50, 16
    assert Comparability(terms).differences("a", "b") == [
        "tuning attempts: 8 of a, 16 of b",
        "validation problems: 100 of a, 50 of b",
    ]


def test_a_budget_of_tokens_stands_for_attempts_and_updates():
    terms = {
        "a": Terms(**{**EQUAL, "attempts": None, "updates": None}, tokens=500),
        "b": Terms(**{**EQUAL, "attempts": None, "updates": None}, tokens=500),
    }
    assert Comparability(terms).differences("a", "b") == []
    terms["b"].tokens = 600
    assert Comparability(terms).differences("a", "b") == ["tokens: 500 of a, 600 of b"]
    for arm in terms.values():
        arm.tokens, arm.candidates, arm.tuning_attempts, arm.tuning_tokens = 500, 2, None, 1000
    assert Comparability(terms).differences("a", "b") == []
    terms["b"].tuning_tokens = 1500
    assert Comparability(terms).differences("a", "b") == ["tuning tokens: 1,000 of a, 1,500 of b"]


def test_arms_without_terms_are_not_asked_about():
    assert Comparability({"a": Terms(**EQUAL)}).differences("a", "base") == []


def test_a_part_that_is_not_comparable_neither_supports_nor_refutes_its_claim():
    def claim(*parts):
        return Claim(1, "", [Part("", "", 0, 0, 0, p, 1 - p, differs=d) for p, d in parts], [])

    unsure = decided([claim((1e-9, []), (1e-9, ["KL"]))])[0]
    assert unsure.verdict == "not comparable"
    assert [part.verdict for part in unsure.parts] == ["supported", "not comparable: KL"]
    against = decided([claim((1 - 1e-9, ["KL"]), (1e-9, []))])[0]
    assert against.verdict == "not comparable"
    refuted = decided([claim((1 - 1e-9, []), (1e-9, ["KL"]))])[0]
    assert refuted.verdict == "not supported"


def test_claims_say_which_part_is_not_comparable_and_in_what(tmp_path, capsys):
    arms = {"base": (500, 2, 2, 496), "score": (550, 5, 100, 345), "no_shaping": (500, 2, 42, 456)}
    arms["no_stage_one"] = arms["summed_return_rl"] = arms["no_shaping"]
    paths = [
        f"{name}={write_attempts(tmp_path / name / 'a', *outcomes(*[9 * n for n in counts]))}"
        for name, counts in arms.items()
    ]
    terms = dict.fromkeys(("score", "no_shaping", "no_stage_one", "summed_return_rl"), EQUAL)
    terms |= {"no_shaping": {**EQUAL, "kl": [[0.3, 0.3]]}}
    terms |= {"summed_return_rl": {**EQUAL, "attempts": 5}}
    (tmp_path / "s.json").write_text(json.dumps({"terms": terms}))
    files = ["--markdown", tmp_path / "c.md", "--json", tmp_path / "c.json"]
    main([*map(str, ("--settings", tmp_path / "s.json", *files, "--attempts", *paths))])
    claims = {c["number"]: c for c in json.loads((tmp_path / "c.json").read_text())["claims"]}
    assert [claims[n]["verdict"] for n in (2, 5, 6)] == ["supported", "supported", "not comparable"]
    named = "KL weights: 0.03/0.03 of score, 0.3/0.3 of no_shaping"
    assert [part["differs"] for part in claims[6]["parts"]] == [[named], [named]]
    page = (tmp_path / "c.md").read_text()
    says(page, ["## 6. Without reward shaping SCoRe falls short: not comparable", named])
    assert "not comparable in" in page and "attempts: 1,000 of score, 5 of summed" in page


def test_terms_that_are_none_are_refused(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"terms": {"score": {"beta": 1}}}))
    with pytest.raises(SystemExit, match=r"terms of 'score'.*expected only kl"):
        main(
            [
                "--settings",
                str(tmp_path / "s.json"),
                "--attempts",
                "a=b",
                "--markdown",
                "x",
                "--json",
                "y",
            ]
        )
