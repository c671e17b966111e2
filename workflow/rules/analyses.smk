# Tables and figures beside the results table, each made of attempts or records that are there already
# or, where the config's section `analyses` asks for them, of further evaluations.


rule analyse_changes:
    input:
        attempts=files_in(attempts_of("test")),
        train=files_in(attempts_of("train")),
    output:
        csv=f"{RESULTS}/analyses/changes.csv",
        figure=f"{RESULTS}/figures/changes.png",
    log:
        f"{RESULTS}/analyses/changes.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=attempts_of("test"),
        train=flag("--train-attempts", attempts_of("train")),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.changes \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            {params.train:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_levels:
    input:
        attempts=files_in(attempts_of("test")),
    output:
        csv=f"{RESULTS}/analyses/levels.csv",
        figure=f"{RESULTS}/figures/levels.png",
    log:
        f"{RESULTS}/analyses/levels.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=attempts_of("test"),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.levels \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_lengths:
    input:
        attempts=files_in(attempts_of("test")),
    output:
        csv=f"{RESULTS}/analyses/lengths.csv",
        figure=f"{RESULTS}/figures/lengths.png",
    log:
        f"{RESULTS}/analyses/lengths.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=attempts_of("test"),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.lengths \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_cost:
    input:
        attempts=files_in(attempts_of("test")),
        budgets=rules.compare_policies.output.budgets,
        records=files_in(ALL_RECORDS),
        rounds=files_in(ALL_ROUNDS),
        sampling=files_in(ALL_SAMPLING),
    output:
        csv=f"{RESULTS}/analyses/cost.csv",
        figure=f"{RESULTS}/figures/cost.png",
        json=f"{RESULTS}/analyses/cost.json",
    log:
        f"{RESULTS}/analyses/cost.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=attempts_of("test"),
        records=flag("--records", ALL_RECORDS),
        rounds=flag("--rounds", ALL_ROUNDS),
        sampling=flag("--sampling", ALL_SAMPLING),
        chain=flag("--chain", starts_of(TRAINED)),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.cost \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --budgets {input.budgets:q} \
            {params.records:q} \
            {params.rounds:q} \
            {params.sampling:q} \
            {params.chain:q} \
            --json {output.json:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_curves:
    input:
        records=files_in(CURVES),
    output:
        csv=f"{RESULTS}/analyses/curves.csv",
        figure=f"{RESULTS}/figures/curves.png",
    log:
        f"{RESULTS}/analyses/curves.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        records=CURVES,
        chain=flag("--chain", starts_of(REINFORCED_INSTANCES)),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.curves \
            --arms {params.arms:q} \
            --records {params.records:q} \
            {params.chain:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_fixed:
    input:
        attempts=files_in(attempts_of("test")),
        fixed=files_in(attempts_of("fixed")),
    output:
        csv=f"{RESULTS}/analyses/fixed.csv",
        figure=f"{RESULTS}/figures/fixed.png",
    log:
        f"{RESULTS}/analyses/fixed.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=[a for a in attempts_of("test") if a.partition("=")[0] in PLAN.trained],
        fixed=attempts_of("fixed"),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.fixed \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --fixed {params.fixed:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_scaling:
    input:
        attempts=files_in(attempts_of("scaling")),
        task=task_files(),
    output:
        csv=f"{RESULTS}/analyses/scaling.csv",
        figure=f"{RESULTS}/figures/scaling.png",
    log:
        f"{RESULTS}/analyses/scaling.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=attempts_of("scaling"),
        task=CONFIG["task_type"],
        budgets=vote_budgets(),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.scaling \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --task {params.task:q} \
            --budgets {params.budgets} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


rule analyse_successive:
    input:
        attempts=files_in(attempts_of("successive")),
    output:
        csv=f"{RESULTS}/analyses/successive.csv",
        figure=f"{RESULTS}/figures/successive.png",
    log:
        f"{RESULTS}/analyses/successive.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=ARMS,
        attempts=attempts_of("successive"),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.successive \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """
