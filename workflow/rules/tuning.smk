# The candidates of an arm are trained alike and judged on the validation problems; what won there
# goes over the settings of all its seeds, and its policy is what candidates of the next stage start from.


rule choose_candidate:
    """Of the settings tried for an arm, those with the best accuracy on the validation problems, and a copy of
    the policy they made. Runs again when a candidate's attempts change."""
    input:
        attempts=lambda w: [
            f"{RESULTS}/{candidate}/validation/attempts.parquet"
            for candidate in PLAN.candidates_of(w.arm)
        ],
    output:
        tuned=f"{RESULTS}/{{arm}}/tuned.json",
        table=f"{RESULTS}/{{arm}}/candidates.csv",
        policy=directory(f"{RESULTS}/{{arm}}/tuned/policy"),
    log:
        f"{RESULTS}/{{arm}}/choose.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        candidates=lambda w: json.dumps(PLAN.candidate_settings(w.arm), sort_keys=True),
        policies=lambda w: [FILES.policy(one) for one in PLAN.candidates_of(w.arm)],
        attempt=lambda w: 1 if PLAN.pays_first_alone(w.arm) else 2,
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.evaluation.choose \
            --candidates {params.candidates:q} \
            --attempts {input.attempts:q} \
            --attempt {params.attempt} \
            --policies {params.policies:q} \
            --tuned {output.tuned:q} \
            --table {output.table:q} \
            --policy {output.policy:q}
        """
