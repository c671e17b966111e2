# SCoRe: from problems and a base policy to a table of how well each policy corrects itself.
#
#   prepare_problems ─┬─> sample_attempts ─> verify_attempts ─> compare_policies
#                     └─> train_stage_one ─> train_stage_two (each policy is sampled like base)


configfile: "configs/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/problems.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/fine_tuning.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/puzzle.smk"


rule all:
    default_target: True
    input:
        rules.compare_policies.output,
        rules.test_claims.output,
        rules.compare_with_paper.output,
        expand(f"{RESULTS}/figures/{{name}}.png", name=EVERY_ANALYSIS),
        expand(f"{RESULTS}/{{name}}/self_correction.csv", name=AT_TEMPERATURES),
    localrule: True


onstart:
    before_jobs()
    FOLLOWER.start(remote=workflow.is_main_process and workflow.non_local_exec)


onsuccess:
    FOLLOWER.stop()
    show_table(RESULTS)


onerror:
    FOLLOWER.stop()
    show_failures(FOLLOWER.changed())
