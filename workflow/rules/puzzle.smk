# Makes what data/puzzle holds. No policy asks for it: run it by name,
#     snakemake --cores all results/puzzle_base/policy
# to see where the embedded default comes from, or with --config random_seed=N for another base.


rule pretrain_puzzle_policy:
    output:
        problems=directory("results/puzzle_base/problems"),
        policy=directory("results/puzzle_base/policy"),
    log:
        "results/puzzle_base/pretrain.log",
    conda:
        "../../environment.yml"
    threads: cpus(on_cluster=2)
    resources:
        runtime=60,
        mem_mb_per_cpu=4000,
    params:
        launcher="configs/accelerate/cpu.yaml",
        seed=CONFIG["random_seed"],
    shell:
        """
        exec &> >(tee {log:q})
        python -m score.launch \
            --config {params.launcher:q} \
            --processes 1 \
            --cpus {threads} \
            -m score.pretrain \
            --problems {output.problems:q} \
            --policy {output.policy:q} \
            --seed {params.seed}
        """
