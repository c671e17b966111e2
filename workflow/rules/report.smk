# What the report says of the run itself: its config, and what of its folder belongs to it.
DESCRIPTION = {"config": CONFIG, "instances": PLAN.instances, "analyses": ANALYSES}


rule report_run:
    """One page of the run's tables, figures and attempts, and where its numbers come from. Runs again when any
    of these changes."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
        tables=[
            *rules.compare_policies.output,
            *rules.test_claims.output,
            *rules.compare_with_paper.output,
        ],
        figures=expand(f"{RESULTS}/figures/{{name}}.png", name=ANALYSES),
    output:
        html=f"{RESULTS}/report.html",
        provenance=f"{RESULTS}/provenance.json",
        run=f"{RESULTS}/run.json",
    log:
        f"{RESULTS}/report.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        rerun_on=json.dumps([PLAN.instances, ANALYSES]),
        run=lambda w, output: json.dumps(DESCRIPTION, sort_keys=True),
        results=subpath(output.html, parent=True),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.run:q} >{output.run:q}
        python -m score.report --results {params.results:q}
        """
