# STaR, STaSC and Pair-SFT: rounds of sampling corrections, choosing those worth imitating, fine-tuning.
# First attempts that are not sampled in each round anew are sampled once, ahead; so are those that
# Stage II may start from.


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
    benchmark:
        f"{RESULTS}/{{policy}}/first_attempts.tsv"
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
        python -m score.jobs.launch \
            --config {params.launcher:q} \
            --processes {resources.gpu} \
            --nodes {resources.nodes} \
            --cpus {threads} \
            -m score.sampling.sample \
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
    benchmark:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/sample.tsv"
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
        python -m score.fine_tuning.corrections \
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
        python -m score.jobs.launch \
            --config {params.launcher:q} \
            --processes {resources.gpu} \
            --nodes {resources.nodes} \
            --cpus {threads} \
            -m score.fine_tuning.fine_tune \
            --settings {output.settings:q} \
            --init {params.init:q} \
            --examples {input.examples:q} \
            --policy {output.policy:q} \
            --records {output.records:q} \
            --checkpoints {params.checkpoints:q} \
            {params.tuned:q}
        """
