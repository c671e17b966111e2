# Makes what data/puzzle holds. No policy asks for it: run it by name, with the seed of the schooling,
#     snakemake --cores all results/puzzle_base/0/policy
# to see where the embedded default comes from; another seed makes another base policy, which goes in
# with --config model_path=results/puzzle_base/1/policy run_name=another. So does a solver of another
# habit: results/puzzle_base/habit0.0/0/policy imitates one that has none.


rule pretrain_puzzle_policy:
    """The puzzles and the tiny base policy that data/puzzle holds, made anew from a seed."""
    output:
        problems=directory("results/puzzle_base/{seed}/problems"),
        policy=directory("results/puzzle_base/{seed}/policy"),
    log:
        "results/puzzle_base/{seed}/pretrain.log",
    wildcard_constraints:
        seed=r"\d+",
    conda:
        "../../environment.yml"
    threads: POLICY_THREADS
    params:
        launcher="configs/accelerate/cpu.yaml",
        habit=[],
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.jobs.launch \
            --config {params.launcher:q} \
            --processes 1 \
            --cpus {threads} \
            -m score.puzzle.pretrain \
            --problems {output.problems:q} \
            --policy {output.policy:q} \
            --seed {wildcards.seed} \
            {params.habit:q}
        """


use rule pretrain_puzzle_policy as pretrain_with_habit with:
    output:
        problems=directory("results/puzzle_base/habit{habit}/{seed}/problems"),
        policy=directory("results/puzzle_base/habit{habit}/{seed}/policy"),
    log:
        "results/puzzle_base/habit{habit}/{seed}/pretrain.log",
    wildcard_constraints:
        seed=r"\d+",
        habit=r"[01]\.\d+",
    params:
        launcher="configs/accelerate/cpu.yaml",
        habit=lambda w: ["--habit", w.habit],
