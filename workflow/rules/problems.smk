rule prepare_problems:
    """The rows of the data set become problems: checked, split into train, validation and test, and described
    by a data card. Runs again for other rows or another setting of `problems`."""
    input:
        given(FILES.problem_sources()),
        given(FILES.task()),
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
    params:
        contents=contents(FILES.problem_sources(), FILES.task()),
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
