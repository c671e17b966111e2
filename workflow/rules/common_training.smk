# What the rules of training take from the plan: where an instance starts, and its settings.


def trained_by(*objectives):
    """The instances trained with one of these objectives, as a wildcard's pattern."""
    return one_of(i for i in PLAN.trained if PLAN.objective(i) in objectives)


def tuned_flag(w):
    """What won among the candidates of an arm goes over the settings of its instances."""
    tuned = f"{RESULTS}/{w.policy.partition('/')[0]}/tuned.json"
    return ["--tuned", tuned] if PLAN.is_tuned(w.policy) else []


def pool_flag(w):
    """The first attempts that were sampled ahead, where a training starts from such."""
    pool = f"{RESULTS}/{w.policy}/first_attempts.parquet"
    return ["--first-attempts", pool] if PLAN.pool(w.policy) else []


def files_of(flags):
    """The files that flags name, as a rule's input."""
    return flags[1:]


def training_settings(w):
    """Verifier, then what the plan says: an entry over its sections, a candidate over both."""
    told = PLAN.settings(w.policy)
    told.pop("first_attempts_per_problem", None)
    return settings(
        CONFIG["verifier"],
        common("task_type", "cache_dir", "precision", "rollout_backend"),
        common("report_to", "wandb_project_name", "run_name"),
        told,
    )


def fine_tuning_settings(w):
    """Those of a training that fine-tuning has."""
    told = {**PLAN.settings(w.policy), **common("precision", "cache_dir", "run_name")}
    told |= common("report_to", "wandb_project_name")
    return settings({key: told[key] for key in FINE_TUNE_KEYS if key in told})


def round_before(w):
    """The policy that a round of fine-tuning finds: that of the round before, or the first."""
    before = int(w.iteration) - 1
    if before == 0:
        return policy_path(PLAN.init(w.policy))
    return f"{RESULTS}/{w.policy}/iteration{before}/policy"


def tuned_from(w):
    """The policy whose weights a round goes on from, the Fixed or the Evolving one."""
    told = PLAN.settings(w.policy)
    fixed = PLAN.objective(w.policy) == "pair_sft" or told["variant"][2] == "F"
    return policy_path(PLAN.init(w.policy)) if fixed else round_before(w)


def sampled_rollouts(w):
    """What examples are chosen from: the corrections of a round, or for Pair-SFT the pool."""
    if PLAN.objective(w.policy) == "pair_sft":
        return f"{RESULTS}/{w.policy}/first_attempts.parquet"
    return f"{RESULTS}/{w.policy}/iteration{w.iteration}/sampled.parquet"


def round_settings(w, iteration, **values):
    """Sampling in training: its temperature and limit, and draws of their own in each round."""
    told = PLAN.settings(w.policy)
    return settings(
        common("task_type", "cache_dir", "precision", "rollout_backend"),
        temperature=told["temperature"],
        max_tokens=told["max_tokens"],
        num_problems=told["training_problems"],
        batch_size=told["local_rollout_forward_batch_size"],
        vllm_gpu_memory_utilization=CONFIG["evaluation"]["vllm_gpu_memory_utilization"],
        random_seed=1000 * PLAN.seed(w.policy) + iteration,
        **values,
    )


def pool_settings(w):
    told = PLAN.settings(w.policy)
    offline = PLAN.objective(w.policy) == "stage_two"
    key = (
        "first_attempts_per_problem" if offline else "number_output_initial_generations"
    )
    return round_settings(w, 0, num_turns=1, samples=told[key])


def correction_settings(w):
    told = PLAN.settings(w.policy)
    return round_settings(
        w,
        int(w.iteration),
        num_turns=2,
        samples=told["number_output_initial_generations"],
        corrections=told["number_output_corrections"],
    )


def choice_settings(w):
    told = PLAN.settings(w.policy)
    pairs = PLAN.objective(w.policy) == "pair_sft"
    right_too = told["keep_right_pairs"] if pairs else told["variant"][1] == "N"
    return settings(
        CONFIG["verifier"],
        common("task_type", "cache_dir"),
        method=PLAN.objective(w.policy),
        random_seed=PLAN.seed(w.policy),
        keep="non_decreasing" if right_too else "improving",
        keep_from=told["keep_from"],
        pairs_per_problem=told["pairs_per_problem"],
        on_no_corrections=told["on_no_corrections"],
    )
