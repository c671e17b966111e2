"""Terms of arms as configs give them: arms of a claim that differ by its definition are comparable."""

import pytest
from refusals import with_changes
from score.comparison.comparability import Comparability, Terms
from score.experiment.config_files import read_config
from score.experiment.job_settings import JobSettings
from score.experiment.overlay import resolved
from score.experiment.plan import Plan
from score.experiment.terms import terms_of

ARMS = ("direct_multi_turn_rl", "no_stage_one", "no_shaping", "summed_return_rl")
TUNED = ("star", "star_plus", "pair_sft", "pair_sft_plus")


def _overlaid(config, path):
    overlay = read_config(path)
    for key, value in overlay.items():
        config[key] = {**config[key], **value} if isinstance(config.get(key), dict) else value
    config["policies"] = overlay["policies"]
    return resolved(config, overlay)


@pytest.fixture
def claims_config(config):
    return _overlaid(config, "configs/claims.yaml")


def _differences(config, arm):
    told = {name: Terms(**terms) for name, terms in terms_of(Plan(config)).items()}
    return Comparability(told).differences("score", arm)


def test_the_arms_of_the_papers_claims_are_comparable(claims_config):
    found = {arm: _differences(claims_config, arm) for arm in (*ARMS, *TUNED)}
    assert not any(found.values()), found


def test_arms_tuned_at_one_budget_of_tokens_are_comparable(config):
    config = _overlaid(config, "configs/methods.yaml")
    told = terms_of(Plan(config))
    assert {one["tokens"] for name, one in told.items() if "stage_one" not in name} == {600_000}
    assert told["score"]["tuning_tokens"] == told["direct_multi_turn_rl"]["tuning_tokens"] > 600_000
    for arm in ("direct_multi_turn_rl", "single_turn_rl", "summed_return_rl"):
        assert _differences(config, arm) == []


def test_a_warm_start_costs_no_tokens(config):
    config = _overlaid(config, "configs/methods.yaml")
    config["policies"]["warm"] = {"init": "base", "objective": "supervised", "updates": 3}
    config["policies"]["grpo"]["init"] = "warm"
    assert terms_of(Plan(config))["grpo"]["tokens"] == 600_000


def test_the_larger_weight_of_stage_one_is_no_difference_of_what_it_leads_to(claims_config):
    assert claims_config["stage_one"]["init_kl_coef"] > claims_config["stage_two"]["init_kl_coef"]
    assert _differences(claims_config, "no_stage_one") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"policies.no_shaping.corr_kl_coef": 0.3}, "KL weights: 0.03/0.03 of score, 0.03/0.3 of"),
        ({"policies.no_shaping.total_episodes": 50176}, "attempts: 82,944 of score, "),
        ({"policies.no_shaping.scale_advantages": False}, "updates: divided by σ of score, not"),
        ({"policies.no_shaping.early_stop": 3}, "attempts of no_shaping are not known ahead"),
        ({"policies.no_shaping.candidates": [{}]}, "candidates: 2 of score, 1 of no_shaping"),
    ],
)
def test_what_an_entry_changes_beyond_its_claim_is_a_difference(claims_config, changes, expected):
    found = _differences(with_changes(claims_config, changes), "no_shaping")
    assert found and found[0].startswith(expected)


def test_prompted_arms_and_base_have_no_terms(config):
    config["policies"]["refine"] = {"init": "base", "objective": "self_refine"}
    assert set(terms_of(Plan(config))) == {"score_stage_one", "score"}


def test_the_base_policy_of_claims_is_the_one_that_score_is_held_to(config):
    assert JobSettings(Plan(config)).claims().base == "base"
    config["policies"]["warm"] = {"init": "base", "objective": "self_taught"}
    config["policies"]["score"]["reference"] = "warm"
    found = JobSettings(Plan(config)).claims()
    assert found.base == "warm" and "score" in found.terms and "warm" not in found.terms
    del config["policies"]["score"]
    assert JobSettings(Plan(config)).claims().base == "base"
