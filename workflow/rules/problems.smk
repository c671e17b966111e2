rule prepare_problems:
    input:
        data_files(),
        task_files(),
    output:
        train=f"{RESULTS}/problems/train.jsonl",
        validation=f"{RESULTS}/problems/validation.jsonl",
        test=f"{RESULTS}/problems/test.jsonl",
        card=f"{RESULTS}/problems/data_card.md",
        card_json=f"{RESULTS}/problems/data_card.json",
        settings=f"{RESULTS}/problems/settings.json",
    log:
        f"{RESULTS}/problems/prepare.log",
    conda:
        "../../environment.yml"
    resources:
        runtime=120,
        mem_mb_per_cpu=16000,
    params:
        decisive=decisive(problem_settings(verifier_that_drops())),
        settings=lambda w, output: problem_settings(CONFIG["verifier"]),
        directory=subpath(output.train, parent=True),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.problems.prepare \
            --settings {output.settings:q} \
            --output-dir {params.directory:q}
        """
