# A rule for each objective of reinforcement learning, all alike: the same command trains every policy,
# and the policies of an objective are the values that its rule's wildcard takes. gpu counts those of all
# nodes, one process each. `mpi`, empty, makes the job's shell call srun itself (score.jobs.launch), so
# that Slurm's warning before the time limit reaches the training and nothing else.

from score.training.methods import METHODS

for objective in METHODS:

    rule:
        """A policy is trained from a policy by reinforcement learning, held to a reference policy. Leaves its
        weights and a record of every update. Runs again when the policy it starts from, its problems, prompts or
        settings change; interrupted, it goes on from its newest checkpoint."""
        name:
            f"train_{objective}"
        input:
            init=lambda w: given(FILES.as_input(FILES.policy(PLAN.init(w.policy)))),
            reference=lambda w: given(
                FILES.as_input(FILES.policy(PLAN.reference(w.policy)))
            ),
            problems=rules.prepare_problems.output.train,
            prompts=given(FILES.prompts()),
            first_attempts=lambda w: in_flag(FILES.first_attempts_flag(w.policy)),
            validation=lambda w: in_flag(FILES.validation_flag(w.policy)),
            tuned=lambda w: in_flag(FILES.tuned_flag(w.policy)),
        output:
            policy=directory(f"{RESULTS}/{{policy}}/policy"),
            records=f"{RESULTS}/{{policy}}/training.jsonl",
            settings=f"{RESULTS}/{{policy}}/settings.json",
        log:
            f"{RESULTS}/{{policy}}/train.log",
        wildcard_constraints:
            policy=one_of(PLAN.trained_by(objective)),
        # Stage I begins the longest chain of trainings, so it goes before those that nothing waits for.
        priority: int(objective == "stage_one")
        conda:
            "../../environment.yml"
        threads: POLICY_THREADS
        resources:
            gpu=1,
            nodes=1,
            mpi="",
            slurm_extra="--signal=USR1@600",
        params:
            contents=lambda w: contents(
                FILES.as_input(FILES.policy(PLAN.init(w.policy))),
                FILES.as_input(FILES.policy(PLAN.reference(w.policy))),
                FILES.prompts(),
            ),
            rerun_on=lambda w: JOBS.training(w.policy).rerun_on(),
            settings=lambda w, output: JOBS.training(w.policy).to_json(),
            init_trained_with=lambda w, output: trained_with(
                "--init-trained-with", PLAN.init(w.policy)
            ),
            init=lambda w: FILES.policy(PLAN.init(w.policy)),
            reference=lambda w: FILES.policy(PLAN.reference(w.policy)),
            first_attempts=lambda w: FILES.first_attempts_flag(w.policy),
            validation=lambda w: FILES.validation_flag(w.policy),
            tuned=lambda w: FILES.tuned_flag(w.policy),
            checkpoints=f"{RESULTS}/{{policy}}/checkpoints",
            few_shot=FILES.few_shot_flag(),
            launcher=CONFIG["launcher"],
        shell:
            """
            exec &> >(tee {log:q})
            printf '%s\\n' {params.settings:q} >{output.settings:q}
            python -m score.jobs.launch \
                --config {params.launcher:q} \
                --processes {resources.gpu} \
                --nodes {resources.nodes} \
                --cpus {threads} \
                -m score.training.train \
                --settings {output.settings:q} \
                --init {params.init:q} \
                --reference {params.reference:q} \
                --problems {input.problems:q} \
                --policy {output.policy:q} \
                --records {output.records:q} \
                --checkpoints {params.checkpoints:q} \
                {params.init_trained_with:q} \
                {params.first_attempts:q} \
                {params.validation:q} \
                {params.tuned:q} \
                {params.few_shot:q}
            """
