# Tables and figures beside the results table, each made of attempts or records that are there already
# or, where the config's section `analyses` asks for them, of further evaluations.

REINFORCED = [one for one in PLAN.trained_instances if PLAN.is_reinforced(one)]
# Those that are made: of what every run has, then of what the config asks for.
ANALYSES = ["changes", "revisions", "lengths", "cost"]
ANALYSES += ["levels"] if CONFIG["problems"]["level_col"] else []
ANALYSES += ["curves", "token_budget"] if REINFORCED else []
ANALYSES += [
    n for n in ("fixed", "pass_at_k", "scaling", "successive") if n in EVALUATIONS
]
ANALYSES += ["cross_refinement"] if FILES.crossed() else []


rule analyse_changes:
    """How often answers change, how much of the text, and with what outcome. Runs again for other verdicts."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
        train=in_pairs(FILES.attempts("train")),
    output:
        csv=f"{RESULTS}/analyses/changes.csv",
        figure=report(
            f"{RESULTS}/figures/changes.png",
            caption="../score/report/captions/changes.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/changes.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        attempts=FILES.attempts("test"),
        train=flag("--train-attempts", FILES.attempts("train")),
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


rule analyse_lengths:
    """Tokens of the attempts, turn by turn. Runs again for other attempts."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
    output:
        csv=f"{RESULTS}/analyses/lengths.csv",
        figure=report(
            f"{RESULTS}/figures/lengths.png",
            caption="../score/report/captions/lengths.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/lengths.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        attempts=FILES.attempts("test"),
        name=lambda w, output: Path(output.csv).stem,
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.{params.name} \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


# How often right first answers are changed and wrong ones kept. Runs again for other verdicts.
use rule analyse_lengths as analyse_revisions with:
    output:
        csv=f"{RESULTS}/analyses/revisions.csv",
        figure=report(
            f"{RESULTS}/figures/revisions.png",
            caption="../score/report/captions/revisions.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/revisions.log",


# Accuracy by level of the problems. Runs again for other verdicts.
use rule analyse_lengths as analyse_levels with:
    input:
        attempts=in_pairs(FILES.attempts("test")),
    output:
        csv=f"{RESULTS}/analyses/levels.csv",
        figure=report(
            f"{RESULTS}/figures/levels.png",
            caption="../score/report/captions/levels.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/levels.log",


# Accuracy over more attempts in a row than were trained. Runs again for other verdicts.
use rule analyse_lengths as analyse_successive with:
    input:
        attempts=in_pairs(FILES.attempts("successive")),
    output:
        csv=f"{RESULTS}/analyses/successive.csv",
        figure=report(
            f"{RESULTS}/figures/successive.png",
            caption="../score/report/captions/successive.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/successive.log",
    params:
        arms=PLAN.arms,
        attempts=FILES.attempts("successive"),
        name=lambda w, output: Path(output.csv).stem,


rule analyse_cost:
    """Tokens, seconds and updates that each arm took, beside its accuracy. Runs again for other records,
    budgets or verdicts."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
        budgets=rules.compare_policies.output.budgets,
        records=in_pairs(FILES.records(PLAN.trained_instances)),
        rounds=in_pairs(FILES.choices()),
        sampling=in_pairs(FILES.sampling_seconds()),
    output:
        csv=f"{RESULTS}/analyses/cost.csv",
        figure=report(
            f"{RESULTS}/figures/cost.png",
            caption="../score/report/captions/cost.rst",
            category="Figures",
        ),
        json=f"{RESULTS}/analyses/cost.json",
    log:
        f"{RESULTS}/analyses/cost.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        attempts=FILES.attempts("test"),
        records=flag("--records", FILES.records(PLAN.trained_instances)),
        rounds=flag("--rounds", FILES.choices()),
        sampling=flag("--sampling", FILES.sampling_seconds()),
        chain=flag("--chain", PLAN.chain(PLAN.trained_instances)),
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
    """Training curves of every reinforced arm, with the arm that it starts from. Runs again for other records."""
    input:
        records=in_pairs(FILES.records(REINFORCED)),
    output:
        csv=f"{RESULTS}/analyses/curves.csv",
        figure=report(
            f"{RESULTS}/figures/curves.png",
            caption="../score/report/captions/curves.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/curves.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        records=FILES.records(REINFORCED),
        chain=flag("--chain", PLAN.chain(REINFORCED)),
        name=lambda w, output: Path(output.csv).stem,
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.{params.name} \
            --arms {params.arms:q} \
            --records {params.records:q} \
            {params.chain:q} \
            --csv {output.csv:q} \
            --figure {output.figure:q}
        """


# Accuracy in training by the tokens sampled for it. Runs again for other records.
use rule analyse_curves as analyse_token_budget with:
    output:
        csv=f"{RESULTS}/analyses/token_budget.csv",
        figure=report(
            f"{RESULTS}/figures/token_budget.png",
            caption="../score/report/captions/token_budget.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/token_budget.log",


rule analyse_fixed:
    """Corrections of base's own first attempts beside those of own ones. Runs again for other verdicts."""
    input:
        attempts=in_pairs(FILES.attempts("test")),
        fixed=in_pairs(FILES.attempts("fixed")),
    output:
        csv=f"{RESULTS}/analyses/fixed.csv",
        figure=report(
            f"{RESULTS}/figures/fixed.png",
            caption="../score/report/captions/fixed.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/fixed.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        attempts=[
            a for a in FILES.attempts("test") if a.partition("=")[0] in PLAN.trained
        ],
        fixed=FILES.attempts("fixed"),
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
    """Majority votes over parallel first attempts and over sequential corrections, at growing budgets. Runs
    again for other verdicts or budgets."""
    input:
        attempts=in_pairs(FILES.attempts("scaling")),
        task=given(FILES.task()),
    output:
        csv=f"{RESULTS}/analyses/scaling.csv",
        figure=report(
            f"{RESULTS}/figures/scaling.png",
            caption="../score/report/captions/scaling.rst",
            category="Figures",
        ),
        tokens_figure=report(
            f"{RESULTS}/figures/scaling_tokens.png",
            caption="../score/report/captions/scaling_tokens.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/scaling.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        attempts=FILES.attempts("scaling"),
        task=CONFIG["task_type"],
        contents=contents(FILES.task()),
        budgets=PLAN.vote_budgets(),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.scaling \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --task {params.task:q} \
            --budgets {params.budgets} \
            --csv {output.csv:q} \
            --figure {output.figure:q} \
            --tokens-figure {output.tokens_figure:q}
        """


rule analyse_pass_at_k:
    """Whether any of k samples is right, of attempt 1 and of its correction. Runs again for other verdicts."""
    input:
        attempts=in_pairs(FILES.attempts("pass_at_k")),
    output:
        csv=f"{RESULTS}/analyses/pass_at_k.csv",
        markdown=f"{RESULTS}/analyses/pass_at_k.md",
        figure=report(
            f"{RESULTS}/figures/pass_at_k.png",
            caption="../score/report/captions/pass_at_k.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/pass_at_k.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        attempts=FILES.attempts("pass_at_k"),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.pass_at_k \
            --arms {params.arms:q} \
            --attempts {params.attempts:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q} \
            --figure {output.figure:q}
        """


rule analyse_cross_refinement:
    """The first attempts of each policy, corrected by each other one. Runs again for other verdicts."""
    input:
        own=in_pairs(FILES.own_of_crossed()),
        crossed=in_pairs(FILES.crossed()),
    output:
        csv=f"{RESULTS}/analyses/cross_refinement.csv",
        markdown=f"{RESULTS}/analyses/cross_refinement.md",
        figure=report(
            f"{RESULTS}/figures/cross_refinement.png",
            caption="../score/report/captions/cross_refinement.rst",
            category="Figures",
        ),
    log:
        f"{RESULTS}/analyses/cross_refinement.log",
    localrule: True
    conda:
        "../../environment.yml"
    params:
        arms=PLAN.arms,
        own=FILES.own_of_crossed(),
        crossed=FILES.crossed(),
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.analyses.cross_refinement \
            --arms {params.arms:q} \
            --own {params.own:q} \
            --crossed {params.crossed:q} \
            --csv {output.csv:q} \
            --markdown {output.markdown:q} \
            --figure {output.figure:q}
        """
