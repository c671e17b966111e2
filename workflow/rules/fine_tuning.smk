# STaR, STaSC, Pair-SFT, self-rewarding correction: rounds of sampling, choosing what to imitate, fine-tuning.
# A supervised policy imitates given attempts in one round, without sampling.
# First attempts that are not sampled in each round anew are sampled once, ahead; so are those that
# Stage II may start from. Policies that begin with the same attempts, as candidates do, share one job.

from score.fine_tuning.settings import CHOOSING, CORRECTING, FINE_TUNED


# First attempts at the training problems, sampled once, ahead of a training that starts from such. Runs
# again for another policy, other problems, prompts or sampling settings.
use rule sample_attempts as sample_first_attempts with:
    input:
        policy=lambda w: given(FILES.as_input(FILES.policy(PLAN.pool(w.policy)))),
        problems=rules.prepare_problems.output.train,
        prompts=given(FILES.prompts()),
    output:
        sampled=f"{RESULTS}/{{policy}}/first_attempts.parquet",
        settings=f"{RESULTS}/{{policy}}/first_attempts_settings.json",
    log:
        f"{RESULTS}/{{policy}}/first_attempts.log",
    benchmark:
        f"{RESULTS}/{{policy}}/first_attempts.tsv"
    wildcard_constraints:
        policy=one_of(i for i in PLAN.trained if PLAN.pool(i)),
    params:
        gpus_each=lambda w, output: SAMPLING_GPUS,
        policy=lambda w: FILES.policy(PLAN.pool(w.policy)),
        shards=f"{RESULTS}/{{policy}}/first_attempts_shards",
        fixed=[],
        few_shot=FILES.few_shot_flag(),
        launcher=CONFIG["launcher"],
        contents=lambda w: contents(
            FILES.as_input(FILES.policy(PLAN.pool(w.policy))), FILES.prompts()
        ),
        rerun_on=lambda w: JOBS.first_attempts(w.policy).rerun_on(),
        settings=lambda w, output: JOBS.first_attempts(w.policy).to_json(),
        trained_with=lambda w, output: trained_with(
            "--trained-with", PLAN.pool(w.policy)
        ),


# The corrections of a round, and its first attempts where those are not given. Runs again for another
# policy of the round before, other problems, prompts or sampling settings.
use rule sample_attempts as sample_corrections with:
    input:
        policy=lambda w: given(
            FILES.as_input(FILES.policy_after(w.policy, int(w.iteration) - 1))
        ),
        problems=rules.prepare_problems.output.train,
        prompts=given(FILES.prompts()),
        fixed=lambda w: in_flag(FILES.first_attempts_flag(w.policy)),
    output:
        sampled=f"{RESULTS}/{{policy}}/iteration{{iteration}}/sampled.parquet",
        settings=f"{RESULTS}/{{policy}}/iteration{{iteration}}/sample_settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/sample.log",
    benchmark:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/sample.tsv"
    wildcard_constraints:
        policy=one_of(PLAN.trained_by(*CORRECTING)),
    params:
        gpus_each=lambda w, output: SAMPLING_GPUS,
        policy=lambda w: FILES.policy_after(w.policy, int(w.iteration) - 1),
        shards=f"{RESULTS}/{{policy}}/iteration{{iteration}}/shards",
        fixed=lambda w: FILES.first_attempts_flag(w.policy),
        few_shot=FILES.few_shot_flag(),
        launcher=CONFIG["launcher"],
        contents=lambda w: contents(
            FILES.as_input(FILES.policy_after(w.policy, int(w.iteration) - 1)),
            FILES.prompts(),
        ),
        rerun_on=lambda w: JOBS.corrections(w.policy, int(w.iteration)).rerun_on(),
        settings=lambda w, output: JOBS.corrections(
            w.policy, int(w.iteration)
        ).to_json(),
        trained_with=lambda w, output: trained_with(
            "--trained-with", w.policy if int(w.iteration) > 1 else PLAN.init(w.policy)
        ),


rule choose_corrections:
    """The corrections of a round that are worth imitating, as examples of token ids, and a report of what
    there was to choose from. Runs again for other samples, or another way to choose or to verify.
    """
    input:
        sampled=lambda w: FILES.choice_from(w.policy, int(w.iteration)),
        policy=lambda w: given(
            FILES.as_input(FILES.policy_after(w.policy, int(w.iteration) - 1))
        ),
        task=given(FILES.task()),
    output:
        examples=f"{RESULTS}/{{policy}}/iteration{{iteration}}/examples.jsonl",
        report=f"{RESULTS}/{{policy}}/iteration{{iteration}}/examples.json",
        settings=f"{RESULTS}/{{policy}}/iteration{{iteration}}/examples_settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/examples.log",
    wildcard_constraints:
        policy=one_of(PLAN.trained_by(*CHOOSING)),
    conda:
        "../../environment.yml"
    threads: CONFIG["verifier"]["verifier_workers"]
    params:
        policy=lambda w: FILES.policy_after(w.policy, int(w.iteration) - 1),
        contents=lambda w: contents(
            FILES.as_input(FILES.policy_after(w.policy, int(w.iteration) - 1)),
            FILES.task(),
        ),
        rerun_on=lambda w: JOBS.choice(w.policy).rerun_on(),
        settings=lambda w, output: JOBS.choice(w.policy).to_json(),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.fine_tuning.corrections \
            --settings {output.settings:q} \
            --policy {params.policy:q} \
            --sampled {input.sampled:q} \
            --examples {output.examples:q} \
            --report {output.report:q}
        """


rule take_given_attempts:
    """The attempts in a file, as examples of token ids. Runs again for another file, policy, prompts or held-out
    problems.
    """
    input:
        attempts=lambda w: given([FILES.given_attempts(w.policy)]),
        held_out=[
            rules.prepare_problems.output.validation,
            rules.prepare_problems.output.test,
        ],
        policy=lambda w: given(FILES.as_input(FILES.policy(PLAN.init(w.policy)))),
        prompts=given(FILES.prompts()),
    output:
        examples=f"{RESULTS}/{{policy}}/iteration1/examples.jsonl",
        report=f"{RESULTS}/{{policy}}/iteration1/examples.json",
        settings=f"{RESULTS}/{{policy}}/iteration1/examples_settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration1/examples.log",
    wildcard_constraints:
        policy=one_of(PLAN.trained_by("supervised")),
    localrule: True
    conda:
        "../../environment.yml"
    params:
        policy=lambda w: FILES.policy(PLAN.init(w.policy)),
        few_shot=FILES.few_shot_flag(),
        contents=lambda w: contents(
            [FILES.given_attempts(w.policy)],
            FILES.as_input(FILES.policy(PLAN.init(w.policy))),
            FILES.prompts(),
        ),
        rerun_on=lambda w: JOBS.given(w.policy).rerun_on(),
        settings=lambda w, output: JOBS.given(w.policy).to_json(),
    shell:
        """
        exec &> >(tee {log:q})
        printf '%s\\n' {params.settings:q} >{output.settings:q}
        python -m score.fine_tuning.given \
            --settings {output.settings:q} \
            --policy {params.policy:q} \
            --attempts {input.attempts:q} \
            --held-out {input.held_out:q} \
            --examples {output.examples:q} \
            --report {output.report:q} \
            {params.few_shot:q}
        """


rule fine_tune:
    """A round of fine-tuning: weights that imitate the chosen corrections. Runs again for other examples or
    settings, or another policy to start from; interrupted, it goes on from its newest checkpoint.
    """
    input:
        init=lambda w: given(
            FILES.as_input(FILES.tuned_from(w.policy, int(w.iteration)))
        ),
        examples=rules.choose_corrections.output.examples,
        tuned=lambda w: in_flag(FILES.tuned_flag(w.policy)),
    output:
        policy=directory(f"{RESULTS}/{{policy}}/iteration{{iteration}}/policy"),
        records=f"{RESULTS}/{{policy}}/iteration{{iteration}}/training.jsonl",
        settings=f"{RESULTS}/{{policy}}/iteration{{iteration}}/settings.json",
    log:
        f"{RESULTS}/{{policy}}/iteration{{iteration}}/train.log",
    wildcard_constraints:
        policy=one_of(PLAN.trained_by(*FINE_TUNED)),
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
            FILES.as_input(FILES.tuned_from(w.policy, int(w.iteration)))
        ),
        rerun_on=lambda w: JOBS.fine_tuning(w.policy).rerun_on(),
        settings=lambda w, output: JOBS.fine_tuning(w.policy).to_json(),
        init=lambda w: FILES.tuned_from(w.policy, int(w.iteration)),
        init_trained_with=lambda w, output: trained_with(
            "--init-trained-with", FILES.tuned_instance(w.policy, int(w.iteration))
        ),
        checkpoints=f"{RESULTS}/{{policy}}/iteration{{iteration}}/checkpoints",
        tuned=lambda w: FILES.tuned_flag(w.policy),
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
            -m score.fine_tuning.fine_tune \
            --settings {output.settings:q} \
            --init {params.init:q} \
            {params.init_trained_with:q} \
            --examples {input.examples:q} \
            --policy {output.policy:q} \
            --records {output.records:q} \
            --checkpoints {params.checkpoints:q} \
            {params.tuned:q}
        """
