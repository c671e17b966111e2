# STaR, STaSC and Pair-SFT: rounds of sampling corrections, choosing those worth imitating, fine-tuning.
# First attempts that are not sampled in each round anew are sampled once, ahead; so are those that
# Stage II may start from.


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
    key = "first_attempts_per_problem" if offline else "number_output_initial_generations"
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


rule sample_first_attempts:
    input:
        policy=lambda w: files_at(policy_path(PLAN.pool(w.policy))),
        problems=rules.prepare_problems.output.train,
        prompts=prompt_files(),
    output:
        sampled=f"{RESULTS}/{{policy}}/first_attempts.parquet",
        settings=f"{RESULTS}/{{policy}}/first_attempts_settings.json",
    log:
        f"{RESULTS}/{{policy}}/first_attempts.log",
    wildcard_constraints:
        policy=one_of(i for i in PLAN.trained if PLAN.pool(i)),
    conda:
        "../../environment.yml"
    threads: cpus(on_cluster=8)
    resources:
        gpu=1,
        nodes=1,
        mpi="",
        runtime=480,
        mem_mb_per_cpu=8000,
    params:
        policy=lambda w: policy_path(PLAN.pool(w.policy)),
        shards=f"{RESULTS}/{{policy}}/first_attempts_shards",
        fixed=[],
        few_shot=few_shot_flag(),
        launcher=CONFIG["launcher"],
        decisive=lambda w: decisive(pool_settings(w)),
        settings=lambda w, output: pool_settings(w),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.launch \
            --config {params.launcher:q} \
            --processes {resources.gpu} \
            --nodes {resources.nodes} \
            --cpus {threads} \
            -m score.sample \
            --settings {output.settings:q} \
            --policy {params.policy:q} \
            --problems {input.problems:q} \
            --shards {params.shards:q} \
            --attempts {output.sampled:q} \
            {params.fixed:q} \
            {params.few_shot:q}
        """


use rule sample_first_attempts as sample_corrections with:
    input:
        policy=lambda w: files_at(round_before(w)),
        problems=rules.prepare_problems.output.train,
        prompts=prompt_files(),
        fixed=lambda w: files_of(pool_flag(w)),
    output:
        sampled=f"{RESULTS}/{{policy}}/iteration{{iteration}}/sampled.parquet",
        settings=f"{RESULTS}/{{policy}}/iteration{{iteration}}/sample_settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/sample.log",
    wildcard_constraints:
        policy=trained_by("self_taught"),
    params:
        policy=lambda w: round_before(w),
        shards=f"{RESULTS}/{{policy}}/iteration{{iteration}}/shards",
        fixed=lambda w: pool_flag(w),
        few_shot=few_shot_flag(),
        launcher=CONFIG["launcher"],
        decisive=lambda w: decisive(correction_settings(w)),
        settings=lambda w, output: correction_settings(w),


rule choose_corrections:
    input:
        sampled=lambda w: sampled_rollouts(w),
        policy=lambda w: files_at(round_before(w)),
        task=task_files(),
    output:
        examples=f"{RESULTS}/{{policy}}/iteration{{iteration}}/examples.jsonl",
        report=f"{RESULTS}/{{policy}}/iteration{{iteration}}/corrections.json",
        settings=f"{RESULTS}/{{policy}}/iteration{{iteration}}/corrections_settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/corrections.log",
    wildcard_constraints:
        policy=trained_by("self_taught", "pair_sft"),
    conda:
        "../../environment.yml"
    threads: CONFIG["verifier"]["verifier_workers"]
    resources:
        runtime=240,
        mem_mb_per_cpu=8000,
    params:
        policy=lambda w: round_before(w),
        decisive=lambda w: decisive(choice_settings(w)),
        settings=lambda w, output: choice_settings(w),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.corrections \
            --settings {output.settings:q} \
            --policy {params.policy:q} \
            --sampled {input.sampled:q} \
            --examples {output.examples:q} \
            --report {output.report:q}
        """


rule fine_tune:
    input:
        init=lambda w: files_at(tuned_from(w)),
        examples=rules.choose_corrections.output.examples,
        tuned=lambda w: files_of(tuned_flag(w)),
    output:
        policy=directory(f"{RESULTS}/{{policy}}/iteration{{iteration}}/policy"),
        records=f"{RESULTS}/{{policy}}/iteration{{iteration}}/training.jsonl",
        settings=f"{RESULTS}/{{policy}}/iteration{{iteration}}/settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/train.log",
    wildcard_constraints:
        policy=trained_by("self_taught", "pair_sft"),
    conda:
        "../../environment.yml"
    threads: cpus(on_cluster=16)
    resources:
        gpu=1,
        nodes=1,
        mpi="",
        runtime=1440,
        mem_mb_per_cpu=8000,
        slurm_extra="--signal=USR1@600",
    params:
        decisive=lambda w: decisive(fine_tuning_settings(w)),
        settings=lambda w, output: fine_tuning_settings(w),
        init=lambda w: tuned_from(w),
        checkpoints=f"{RESULTS}/{{policy}}/iteration{{iteration}}/checkpoints",
        tuned=lambda w: tuned_flag(w),
        launcher=CONFIG["launcher"],
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.launch \
            --config {params.launcher:q} \
            --processes {resources.gpu} \
            --nodes {resources.nodes} \
            --cpus {threads} \
            -m score.fine_tune \
            --settings {output.settings:q} \
            --init {params.init:q} \
            --examples {input.examples:q} \
            --policy {output.policy:q} \
            --records {output.records:q} \
            --checkpoints {params.checkpoints:q} \
            {params.tuned:q}
        """
