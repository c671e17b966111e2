"""Sample all attempts of a policy at the problems of one split.

    python -m score.jobs.launch --config configs/accelerate/cpu.yaml --processes 1 \\
        -m score.sampling.sample --settings settings.json --policy POLICY \\
        --problems test.jsonl --shards shards --attempts sampled.parquet

Sampling knows nothing of right and wrong: verdicts are given by `evaluation.verify`, so a change of the
verifier never samples again. Every rank samples its share and writes each finished batch to the
shards folder; the first rank joins them. A rerun samples only what is missing there. Since each
attempt has its own seed (score/sampling/draws.py), neither interruptions nor ranks show in the result.
"""

from contextlib import nullcontext
from itertools import product
from pathlib import Path

import pandas as pd
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object

from score.files.atomic import remove_folder
from score.files.made_with import TRAINED_WITH, check_policy_settings, mark_attempts
from score.files.parquet import write_parquet
from score.jobs.command import Command, optional
from score.jobs.distributed import (
    inference_accelerator,
    is_first_process,
    join_launcher,
    leave_launcher,
    place_for_sampling,
)
from score.jobs.progress import Progress
from score.jobs.writer_lock import sole_writer
from score.policies.distribution import leave_out_padding_rows
from score.policies.load import declared_generation, load_asked
from score.problems.problem import read_problems
from score.sampling.few_shot import read_few_shot
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.rollout import Generate
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.settings import SampleSettings
from score.sampling.shards import Job, job_of, missing_batches, open_shards, write_shard
from score.sampling.stop_strings import StopIds
from score.sampling.vllm import VLLMGenerate

COMMAND = Command(__spec__, __doc__)


def sample_policy(plan: SamplingPlan, shards: Path) -> list[dict]:
    """Rows of sampled.parquet, in the order of the problems; empty on all ranks but the first."""
    accelerator, settings = inference_accelerator(), plan.settings
    rows = open_shards(shards, plan.provenance()) if accelerator.is_main_process else []
    done: set[Job] = set(broadcast_object_list([list(map(job_of, rows))])[0])
    batches = missing_batches(plan.prompts, settings.samples, settings.batch_size, done)
    if batches:
        generate, stop_ids = load_generate(plan, accelerator)
    progress = Progress(
        len(plan.problems) * settings.samples * settings.corrections,
        len(done) * settings.corrections,
        accelerator.is_main_process,
    )
    for first in range(0, len(batches), accelerator.num_processes):
        shared = batches[first : first + accelerator.num_processes]
        # A rank with nothing left goes along on another's batch: sharded weights (ZeRO-3) need all
        # ranks in every pass.
        rank = accelerator.process_index
        made = plan.rows(shared[min(rank, len(shared) - 1)], generate, stop_ids)
        if rank < len(shared):
            write_shard(shards, made)
            rows += made
        progress(sum(map(len, shared)) * settings.corrections)
    joined = {(*job_of(row), row["correction"]): row for row in gather_object(rows)}
    if not accelerator.is_main_process:
        return []
    places = range(settings.samples), range(settings.corrections)
    return [joined[problem.id, *place] for problem in plan.problems for place in product(*places)]


def load_generate(plan: SamplingPlan, accelerator: Accelerator) -> tuple[Generate, StopIds]:
    """What samples from the policy, and what its attempts end at."""
    settings, tokenizer, bridge = plan.settings, plan.tokenizer, plan.bridges[0]
    if settings.rollout_backend == "vllm":
        config = declared_generation(plan.path, settings.cache_dir, settings.trust_remote_code)
        stop_ids = stop_ids_of(config, tokenizer, bridge)
        local_rank = accelerator.local_process_index
        return VLLMGenerate(settings, plan.path, stop_ids, plan.length(), local_rank), stop_ids
    policy, config, stop_ids = load_sampler(plan)
    policy = place_for_sampling(policy, accelerator)
    rows, strings, compiled = settings.batch_size, stop_ids.strings, settings.compile_decoding
    return HFGenerate(policy, config, rows, strings=strings, compiled=compiled), stop_ids


def load_sampler(plan: SamplingPlan) -> tuple:
    """The policy on no device yet, the GenerationConfig that it samples by, and the StopIds."""
    settings, tokenizer = plan.settings, plan.tokenizer
    policy = load_asked(plan.path, settings).eval()
    leave_out_padding_rows(policy, tokenizer)
    stop_ids = stop_ids_of(policy.generation_config, tokenizer, plan.bridges[0])
    config = sampling_config(
        settings.max_tokens, settings.temperature, stop_ids, tokenizer.pad_token_id
    )
    return policy, config, stop_ids


def main() -> None:
    flags = COMMAND.flags(
        settings="JSON file of SampleSettings",
        policy="folder or hub name of the policy",
        trained_with=TRAINED_WITH,
        problems="JSON Lines of problems",
        few_shot_dir=optional("folder of worked examples"),
        first_attempts=optional(
            "another policy's sampled.parquet, whose first attempts are continued", type=Path
        ),
        shards="scratch folder, gone in the end",
        attempts="parquet file to write",
    )
    join_launcher()
    with COMMAND.errors():
        settings = SampleSettings.read(flags.settings)
        check_policy_settings(flags.policy, *flags.trained_with)
        problems = read_problems(flags.problems)[: settings.num_problems]
        few_shot = read_few_shot(flags.few_shot_dir, settings.task_type)
        plan = SamplingPlan(settings, flags.policy, problems, few_shot, flags.first_attempts)
    with sole_writer(flags.shards) if is_first_process() else nullcontext():
        rows = sample_policy(plan, Path(flags.shards))
        if is_first_process():
            settings.require_file()
            sampled = pd.DataFrame(rows)
            mark_attempts(sampled, sampled=settings, trained=flags.trained_with[0])
            write_parquet(flags.attempts, sampled)
            remove_folder(flags.shards)
    leave_launcher()


if __name__ == "__main__":
    COMMAND.run(main)
