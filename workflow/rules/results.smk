rule compare_policies:
    input:
        metrics=expand(f"{RESULTS}/{{policy}}/metrics.json", policy=POLICIES),
    output:
        csv=f"{RESULTS}/self_correction.csv",
        markdown=f"{RESULTS}/self_correction.md",
    log:
        f"{RESULTS}/compare.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        metrics=[f"{policy}={RESULTS}/{policy}/metrics.json" for policy in POLICIES],
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.compare \
            --metrics {params.metrics:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q}
        """
