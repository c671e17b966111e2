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
    threads: 1024
    params:
        launcher="configs/accelerate/cpu.yaml",
        seed=CONFIG["random_seed"],
    shell:
        """
        exec &> >(tee {log:q})
        accelerate launch \
            --config_file {params.launcher:q} \
            --num_processes 1 \
            --num_cpu_threads_per_process {threads} \
            -m score.pretrain \
            --problems {output.problems:q} \
            --policy {output.policy:q} \
            --seed {params.seed}
        """
