rule prepare_problems:
    input:
        FILES.problem_sources(),
        FILES.task(),
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
        rerun_on=JOBS.problems().rerun_on(),
        settings=lambda w, output: JOBS.problems().to_json(),
        directory=subpath(output.train, parent=True),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.problems.prepare \
            --settings {output.settings:q} \
            --output-dir {params.directory:q}
        """
