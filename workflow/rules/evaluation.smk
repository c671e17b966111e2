rule sample_attempts:
    """A policy attempts the problems of one evaluation, turn after turn. Runs again for another policy,
    other problems, prompts or sampling settings; what was sampled before an interruption is kept.
    """
    input:
        policy=lambda w: given(FILES.as_input(FILES.policy(w.policy))),
        problems=lambda w: f"{RESULTS}/problems/{EVALUATIONS[w.evaluation].split}.jsonl",
        prompts=given(FILES.prompts()),
        fixed=lambda w: in_flag(FILES.fixed_flag(w.evaluation)),
    output:
        sampled=f"{RESULTS}/{{policy}}/{{evaluation}}/sampled.parquet",
        settings=f"{RESULTS}/{{policy}}/{{evaluation}}/sample_settings.json",
    log:
        f"{RESULTS}/{{policy}}/{{evaluation}}/sample.log",
    conda:
        "../../environment.yml"
    threads: POLICY_THREADS
    resources:
        gpu=SAMPLING_GPUS,
        nodes=1,
        mpi="",
    params:
        policy=lambda w: FILES.policy(w.policy),
        contents=lambda w: contents(
            FILES.as_input(FILES.policy(w.policy)), FILES.prompts()
        ),
        shards=f"{RESULTS}/{{policy}}/{{evaluation}}/shards",
        few_shot=FILES.few_shot_flag(),
        launcher=CONFIG["launcher"],
        fixed=lambda w: FILES.fixed_flag(w.evaluation),
        rerun_on=lambda w: JOBS.sampling(w.policy, w.evaluation).rerun_on(),
        settings=lambda w, output: JOBS.sampling(w.policy, w.evaluation).to_json(),
        trained_with=lambda w, output: trained_with("--trained-with", w.policy),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.jobs.launch \
            --config {params.launcher:q} \
            --processes {resources.gpu} \
            --gpus-each {SAMPLING_GPUS} \
            --nodes {resources.nodes} \
            --cpus {threads} \
            -m score.sampling.sample \
            --settings {output.settings:q} \
            --policy {params.policy:q} \
            --problems {input.problems:q} \
            --shards {params.shards:q} \
            --attempts {output.sampled:q} \
            {params.trained_with:q} \
            {params.fixed:q} \
            {params.few_shot:q}
        """


rule verify_attempts:
    """Sampled attempts get verdicts, and from them the metrics of one policy. Runs again for other attempts,
    another setting of `verifier`, or another file of an own task; nothing is sampled again.
    """
    input:
        sampled=rules.sample_attempts.output.sampled,
        task=given(FILES.task()),
    output:
        attempts=f"{RESULTS}/{{policy}}/{{evaluation}}/attempts.parquet",
        metrics=f"{RESULTS}/{{policy}}/{{evaluation}}/metrics.json",
        disagreements=f"{RESULTS}/{{policy}}/{{evaluation}}/disagreements.jsonl",
        settings=f"{RESULTS}/{{policy}}/{{evaluation}}/verify_settings.json",
    log:
        f"{RESULTS}/{{policy}}/{{evaluation}}/verify.log",
    conda:
        "../../environment.yml"
    threads: CONFIG["verifier"]["verifier_workers"]
    params:
        contents=contents(FILES.task()),
        rerun_on=JOBS.verification().rerun_on(),
        settings=lambda w, output: JOBS.verification().to_json(),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.evaluation.verify \
            --settings {output.settings:q} \
            --sampled {input.sampled:q} \
            --attempts {output.attempts:q} \
            --metrics {output.metrics:q} \
            --disagreements {output.disagreements:q}
        """
