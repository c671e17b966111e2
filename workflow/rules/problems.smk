rule prepare_problems:
    input:
        data_files(),
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
        "score"
    params:
        # Changed settings run a rule again, but not those from a function of the outputs: the
        # verifier checks every gold, yet another one is no reason to sample and train anew.
        decisive=decisive_problem_settings(),
        settings=lambda w, output: problem_settings(CONFIG["verifier"]),
        directory=subpath(output.train, parent=True),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.prepare \
            --settings {output.settings:q} \
            --output-dir {params.directory:q}
        """
