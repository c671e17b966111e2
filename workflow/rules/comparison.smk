from score.experiment.budgets import budget_of

# What the training of each arm may take; null where it follows from what training finds.
BUDGETS = json.dumps({arm: budget_of(PLAN, arm) for arm in PLAN.arms}, sort_keys=True)
PUBLISHED = "data/published_rows.csv"


rule compare_policies:
    """THE table: accuracies, Δ and budgets of every arm with intervals, and the tests of all pairs of arms.
    Runs again when verdicts or budgets change."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
    output:
        csv=report(
            f"{RESULTS}/self_correction.csv",
            caption="../score/report/captions/self_correction.rst",
            category="Tables",
        ),
        markdown=f"{RESULTS}/self_correction.md",
        pairs_csv=report(
            f"{RESULTS}/pairs.csv",
            caption="../score/report/captions/pairs.rst",
            category="Tables",
        ),
        pairs_markdown=f"{RESULTS}/pairs.md",
        budgets=f"{RESULTS}/budgets.json",
    log:
        f"{RESULTS}/compare.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        attempts=FILES.attempts("test"),
        budgets=BUDGETS,
        made_with=lambda w, output: JOBS.made_with("test"),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.budgets:q} >{output.budgets:q}
        python -m score.comparison.compare \
            --attempts {params.attempts:q} \
            --made-with {params.made_with:q} \
            --budgets {output.budgets:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q} \
            --pairs-csv {output.pairs_csv:q} \
            --pairs-markdown {output.pairs_markdown:q}
        """


# The same table at another temperature.
use rule compare_policies as compare_at_temperature with:
    input:
        attempts=lambda w: in_pairs(FILES.attempts(w.evaluation)),
    output:
        csv=f"{RESULTS}/{{evaluation}}/self_correction.csv",
        markdown=f"{RESULTS}/{{evaluation}}/self_correction.md",
        pairs_csv=f"{RESULTS}/{{evaluation}}/pairs.csv",
        pairs_markdown=f"{RESULTS}/{{evaluation}}/pairs.md",
        budgets=f"{RESULTS}/{{evaluation}}/budgets.json",
    log:
        f"{RESULTS}/{{evaluation}}/compare.log",
    params:
        attempts=lambda w: FILES.attempts(w.evaluation),
        budgets=BUDGETS,
        made_with=lambda w, output: JOBS.made_with(w.evaluation),


rule test_claims:
    """The paper's eight claims, tested on this run. Runs again when verdicts, votes, KL weights, budgets or
    tuning change."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
        scaling=[f"{RESULTS}/analyses/scaling.csv"] if "scaling" in EVALUATIONS else [],
    output:
        markdown=f"{RESULTS}/claims.md",
        json=f"{RESULTS}/claims.json",
        settings=f"{RESULTS}/claims_settings.json",
    log:
        f"{RESULTS}/claims.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        attempts=FILES.attempts("test"),
        scaling=lambda w, input: ["--scaling", *input.scaling] if input.scaling else [],
        settings=JOBS.claims().to_json(),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.comparison.claims \
            --settings {output.settings:q} \
            --attempts {params.attempts:q} \
            {params.scaling:q} \
            --markdown {output.markdown:q} \
            --json {output.json:q}
        """


rule compare_with_paper:
    """This run's rows beside published ones. Runs again when the table or the published rows change."""
    input:
        csv=rules.compare_policies.output.csv,
        published=given([PUBLISHED]),
        passes=(
            [f"{RESULTS}/analyses/pass_at_k.csv"] if "pass_at_k" in EVALUATIONS else []
        ),
    output:
        markdown=f"{RESULTS}/paper_comparison.md",
        run=f"{RESULTS}/paper_comparison_run.json",
    log:
        f"{RESULTS}/paper_comparison.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        contents=contents([PUBLISHED]),
        passes=lambda w, input: flag("--pass-at-k", list(input.passes)),
        run=JOBS.run_description().to_json(),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.run:q} >{output.run:q}
        python -m score.comparison.paper \
            --csv {input.csv:q} \
            --published {input.published:q} \
            --run {output.run:q} \
            {params.passes:q} \
            --markdown {output.markdown:q}
        """
