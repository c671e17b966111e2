rule sample_attempts:
    input:
        policy=lambda w: policy_files(w.policy),
        problems=rules.prepare_problems.output.test,
        prompts=prompt_files(),
    output:
        sampled=f"{RESULTS}/{{policy}}/sampled.parquet",
        settings=f"{RESULTS}/{{policy}}/sample_settings.json",
    log:
        f"{RESULTS}/{{policy}}/sample.log",
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
        policy=lambda w: policy_path(w.policy),
        shards=f"{RESULTS}/{{policy}}/shards",
        few_shot=few_shot_flag(),
        launcher=CONFIG["launcher"],
        decisive=decisive(sampling_settings()),
        settings=lambda w, output: sampling_settings(),
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
            {params.few_shot:q}
        """


rule verify_attempts:
    input:
        sampled=rules.sample_attempts.output.sampled,
        task=task_files(),
    output:
        attempts=f"{RESULTS}/{{policy}}/attempts.parquet",
        metrics=f"{RESULTS}/{{policy}}/metrics.json",
        disagreements=f"{RESULTS}/{{policy}}/disagreements.jsonl",
        settings=f"{RESULTS}/{{policy}}/verify_settings.json",
    log:
        f"{RESULTS}/{{policy}}/verify.log",
    conda:
        "../../environment.yml"
    threads: CONFIG["verifier"]["verifier_workers"]
    resources:
        runtime=240,
        mem_mb_per_cpu=8000,
    params:
        decisive=decisive(judging_settings()),
        settings=lambda w, output: judging_settings(),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.judge \
            --settings {output.settings:q} \
            --sampled {input.sampled:q} \
            --attempts {output.attempts:q} \
            --metrics {output.metrics:q} \
            --disagreements {output.disagreements:q}
        """
