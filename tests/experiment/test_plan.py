"""Instances, their origins and settings, evaluations and budgets, each worked out by hand."""

import pytest
from score.experiment.budgets import budget_of, leaves
from score.experiment.plan import Plan
from score.experiment.run_files import RunFiles

STAR = {"init": "base", "objective": "self_taught"}


@pytest.fixture
def seeded(config):
    """Two seeds and two candidates for the two stages of the default."""
    config |= {"seeds": [0, 3]}
    config["tuning"]["candidates"] = [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    return config


def test_without_seeds_an_arm_is_its_own_instance(config):
    plan = Plan(config)
    assert plan.instances == ["base", "score_stage_one", "score"]
    assert plan.trained == ["score_stage_one", "score"]
    assert (plan.init("score"), plan.reference("score")) == ("score_stage_one", "base")
    assert plan.seed("score") == config["random_seed"]
    assert not plan.is_tuned("score")


def test_arms_stand_behind_what_they_start_from_whatever_their_order(config):
    ablation = {"init": "score_stage_one", "objective": "stage_two"}
    config["policies"] = {"ablation": ablation, "star": STAR, **config["policies"]}
    assert Plan(config).arms == ["base", "score_stage_one", "ablation", "star", "score"]


def test_a_seed_starts_from_its_own_seed_and_candidates_from_what_won(seeded):
    plan = Plan(seeded)
    assert plan.instances_of("score") == ["score/seed0", "score/seed3"]
    assert plan.candidates_of("score") == ["score/candidate0", "score/candidate1"]
    assert plan.init("score/seed3") == "score_stage_one/seed3"
    assert plan.init("score/candidate1") == "score_stage_one/tuned"
    assert plan.init("score_stage_one/seed3") == "base"
    assert plan.seed("score/seed3") == 3
    assert plan.seed("score/candidate1") == seeded["tuning"]["random_seed"]
    assert plan.is_tuned("score/seed0") and not plan.is_tuned("score/candidate0")


def test_a_prompted_arm_has_the_seeds_of_the_policy_that_it_prompts(seeded):
    for name, init in (("refine_base", "base"), ("refine", "score")):
        seeded["policies"][name] = {"init": init, "objective": "self_refine"}
    plan = Plan(seeded)
    assert plan.instances_of("refine_base") == ["refine_base"]
    assert plan.instances_of("refine") == ["refine/seed0", "refine/seed3"]
    assert plan.init("refine/seed3") == "score/seed3"
    assert not {"refine", "refine/seed0"} & set(plan.trained)


def test_settings_come_from_sections_then_the_entry_then_the_candidate(seeded):
    seeded["policies"]["score"]["init_kl_coef"] = 7.0
    plan = Plan(seeded)
    told = plan.settings("score/candidate1")
    assert told["learning_rate"] == 0.2 and told["init_kl_coef"] == 7.0
    assert told["stage2_alpha"] == 10.0 and told["number_output_initial_generations"] == 8
    assert told["random_seed"] == 1000 and "init" not in told
    own = [{"learning_rate": 0.3}, {"learning_rate": 0.4}]
    seeded["policies"]["score"]["candidates"] = own
    assert Plan(seeded).settings("score/candidate1")["learning_rate"] == 0.4


def test_baselines_of_reinforcement_learning_are_trained_like_stage_two(config):
    config["policies"] = {
        "single": {"init": "base", "objective": "single_turn"},
        "direct": {"init": "base", "objective": "direct_multi_turn", "learning_rate": 0.5},
    }
    plan = Plan(config)
    told = plan.settings("single")
    assert told["num_turns"] == 1
    assert [plan.pays_first_alone(arm) for arm in ("single", "direct")] == [True, False]
    assert told["learning_rate"] == config["stage_two"]["learning_rate"]
    assert plan.settings("direct")["learning_rate"] == 0.5


def test_evaluations_are_of_the_instances_that_each_is_about(seeded):
    seeded["analyses"] |= {"train_problems": 9, "fixed_first_attempts": True, "temperatures": [1.0]}
    seeded["analyses"]["scaling"] |= {"policies": ["base", "score"], "num_problems": 5}
    found = Plan(seeded).evaluations
    assert list(found) == ["test", "validation", "train", "fixed", "temperature1.0", "scaling"]
    assert found["test"].instances == found["train"].instances == Plan(seeded).instances
    assert found["validation"].instances[:2] == [
        "score_stage_one/candidate0",
        "score_stage_one/candidate1",
    ]
    assert "base" not in found["fixed"].instances
    assert found["fixed"].first_attempts_of == "base"
    assert found["scaling"].instances == ["base", "score/seed0", "score/seed3"]
    assert found["scaling"].settings == {"temperature": 0.7, "samples": 32, "num_problems": 5}


def test_policies_correct_each_others_first_attempts_of_their_seed(seeded):
    seeded["analyses"]["cross_refinement"] |= {"policies": ["base", "score"], "num_problems": 5}
    plan = Plan(seeded)
    crossed = {n: e for n, e in plan.evaluations.items() if n.startswith("corrects/")}
    assert {e.first_attempts_of: e.instances for e in crossed.values()} == {
        "base": ["score/seed0", "score/seed3"],
        "score/seed0": ["base"],
        "score/seed3": ["base"],
    }
    assert all(e.settings == {"num_problems": 5} for e in crossed.values())
    files = RunFiles(plan)
    assert files.fixed_flag("corrects/score/seed3") == [
        "--first-attempts",
        f"{files.results}/score/seed3/test/sampled.parquet",
    ]
    places = dict(pair.split("=") for pair in files.crossed())
    assert places["base:score/seed3"] == (
        f"{files.results}/base/corrects/score/seed3/attempts.parquet"
    )
    seeded["analyses"]["cross_refinement"]["policies"].append("score_stage_one")
    crossed = Plan(seeded).evaluations["corrects/score/seed3"]
    assert crossed.instances == ["base", "score_stage_one/seed3"]


def test_budgets_add_up_over_what_a_policy_starts_from(seeded):
    plan = Plan(seeded)
    one = {"attempts": 2 * 25_600, "updates": 100, "tuning_attempts": 2 * 2 * 25_600}
    one["tokens"] = None
    assert budget_of(plan, "score_stage_one") == one
    assert budget_of(plan, "score") == {
        "attempts": 2 * (25_600 + 38_400),
        "updates": 250,
        "tuning_attempts": 2 * 2 * (25_600 + 38_400),
        "tokens": None,
    }
    assert leaves(plan) == ["score"]
    base = budget_of(plan, "base")
    assert base == {"attempts": 0, "updates": 0, "tuning_attempts": 0, "tokens": 0}


@pytest.mark.parametrize(
    ("entry", "attempts", "updates"),
    [
        # of 10 problems: first attempts, then corrections
        ({"variant": "EIF"}, 3 * (10 * 4 + 10 * 4 * 2), 3 * 7),
        ({"variant": "FNE"}, 10 * 4 + 3 * 10 * 4 * 2, 3 * 7),
        ({"objective": "pair_sft"}, 10 * 4, 7),
        ({"objective": "self_rewarding"}, None, 7),  # not all attempts are revised
        ({"objective": "supervised", "attempts_path": "given.csv"}, 0, 7),
        ({"objective": "single_turn", "total_episodes": 512}, 512, 2),
        ({"objective": "single_turn", "total_episodes": 512, "early_stop": 3}, None, None),
        ({"objective": "thinktwice", "total_episodes": 1024}, 1024, 16),
        ({"objective": "pag", "total_episodes": 512}, None, 2),  # not all attempts are revised
        ({"objective": "grpo", "total_episodes": 512}, None, 8),  # groups are replaced
        ({"objective": "stage_two", "total_tokens": 512}, None, None),
        # 512 corrections of 128 first attempts
        ({"objective": "stage_two", "total_episodes": 512, "corrections_per_attempt": 4}, 640, 2),
        # half of 512 rollouts sample turn 1; the others take it from 10 × 5 sampled ahead
        (
            {
                "objective": "stage_two",
                "total_episodes": 512,
                "offline_first_attempts": 0.5,
                "first_attempts_per_problem": 5,
            },
            512 + 256 + 50,
            2,
        ),
    ],
)
def test_budget_of_each_kind_of_training(config, entry, attempts, updates):
    config["problems"]["train_size"] = 10
    config["fine_tuning"] |= {
        "updates": 7,
        "number_output_initial_generations": 4,
        "number_output_corrections": 2,
    }
    config["policies"] = {"arm": {**STAR, **entry}}
    told = budget_of(Plan(config), "arm")
    assert (told["attempts"], told["updates"]) == (attempts, updates)


def test_budget_is_open_where_it_follows_from_what_is_found(config):
    config["policies"] = {"star": STAR}
    assert budget_of(Plan(config), "star")["updates"] is None
    config["fine_tuning"] |= {"updates": 7, "on_no_corrections": "keep"}  # a round may make none
    assert budget_of(Plan(config), "star")["updates"] is None
    config["problems"]["train_size"] = None
    assert budget_of(Plan(config), "star")["attempts"] is None
    config["policies"]["star"] = {**STAR, "training_problems": 3}
    assert budget_of(Plan(config), "star")["attempts"] == 3 * 3 * (8 + 8)


def test_pools_of_first_attempts(config):
    config["policies"] |= {
        "fixed": {**STAR, "init": "score", "variant": "FIF"},
        "star": STAR,
        "pairs": {"init": "base", "objective": "pair_sft"},
        "offline": {
            "init": "score_stage_one",
            "objective": "stage_two",
            "offline_first_attempts": 1,
        },
    }
    plan = Plan(config)
    pools = {name: plan.pool(name) for name in plan.trained}
    assert pools == {
        "score_stage_one": None,
        "score": None,
        "fixed": "score",
        "star": None,
        "pairs": "base",
        "offline": "base",
    }
