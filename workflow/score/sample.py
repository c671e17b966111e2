"""Sample all attempts of a policy at the problems of one split.

    python -m score.launch --config configs/accelerate/cpu.yaml --processes 1 -m score.sample \\
        --settings settings.json --policy POLICY --problems test.jsonl --shards shards \\
        --attempts sampled.parquet

Sampling knows nothing of right and wrong: verdicts are given by `score.judge`, so a change of the
verifier never samples again. Every rank samples its share and writes each finished batch to the
shards folder; the first rank joins them. A rerun samples only what is missing there. Since each
attempt has its own seed (score/draws.py), neither interruptions nor ranks show in the result.
"""

import argparse
import json
import os
import shutil
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object

from score.backends import check_backend
from score.clock import duration
from score.distributed import (
    inference_accelerator,
    join_launcher,
    leave_launcher,
    place_for_sampling,
)
from score.draws import turn_seeds
from score.fingerprint import digest, policy_digest
from score.policies import declared_generation, load_policy
from score.problems import Problem, read_problems, read_settings
from score.prompts import (
    Bridge,
    Messages,
    first_messages,
    load_tokenizer,
    prompt_ids,
    read_few_shot,
)
from score.rollout import (
    Generate,
    HFGenerate,
    Rollout,
    attempt_texts,
    sample_rollouts,
    sampling_config,
    stop_ids_of,
)
from score.shards import Job, job_of, missing_batches, open_shards, write_shard, write_synced
from score.tasks import load_task
from score.vllm_backend import VLLMGenerate
from score.writer_lock import sole_writer

# Settings on which no attempt depends, so that shards outlive a change of them.
_IDLE = ("batch_size", "cache_dir", "vllm_gpu_memory_utilization")


@dataclass(frozen=True)
class SampleSettings:
    """The keys of settings.json. `samples`: rollouts of each problem; temperature 0 is greedy."""

    task_type: str
    random_seed: int
    num_turns: int
    temperature: float | int
    max_tokens: int
    samples: int
    batch_size: int
    precision: str
    rollout_backend: str = "transformers"
    vllm_gpu_memory_utilization: float | int = 0.9
    cache_dir: str | None = None

    def __post_init__(self):
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(
                f"evaluation samples is {self.samples} at temperature 0; expected 1, since greedy "
                "attempts are all alike. Raise the temperature or lower samples."
            )
        check_backend(self.rollout_backend)


def sample_policy(
    settings: SampleSettings, path: str, problems: list[Problem], few_shot: Messages, shards: Path
) -> list[dict]:
    """Rows of sampled.parquet, in the order of the problems; empty on all ranks but the first."""
    accelerator = inference_accelerator()
    task = load_task(settings.task_type)
    tokenizer = load_tokenizer(path, settings.cache_dir)
    bridge = Bridge.of(tokenizer, task.CORRECTION_PROMPT)
    rows = []
    if accelerator.is_main_process:
        rows = open_shards(shards, made_with(settings, path, problems, few_shot, task))
    done: set[Job] = set(broadcast_object_list([list(map(job_of, rows))])[0])
    prompts = {
        problem.id: prompt_ids(tokenizer, first_messages(problem.question, task, few_shot))
        for problem in problems
    }
    batches = missing_batches(prompts, settings.samples, settings.batch_size, done)
    if batches:
        generate, stop_ids = load_generate(settings, path, tokenizer, bridge, prompts, accelerator)
    progress = Progress(len(problems) * settings.samples, len(done), accelerator.is_main_process)
    by_id = {problem.id: problem for problem in problems}
    for first in range(0, len(batches), accelerator.num_processes):
        shared = batches[first : first + accelerator.num_processes]
        # A rank with nothing left goes along on another's batch: sharded weights (ZeRO-3) need all
        # ranks in every pass.
        rank = accelerator.process_index
        batch = shared[min(rank, len(shared) - 1)]
        seeds = [turn_seeds(settings.random_seed, *job, settings.num_turns) for job in batch]
        asked = [prompts[problem_id] for problem_id, _ in batch]
        rollouts = sample_rollouts(asked, bridge, generate, stop_ids, settings.num_turns, seeds)
        if rank < len(shared):
            texts = attempt_texts(rollouts, tokenizer)
            made = [
                attempt_row(by_id[problem_id], sample, rollout, text)
                for (problem_id, sample), rollout, text in zip(batch, rollouts, texts, strict=True)
            ]
            write_shard(shards, made)
            rows += made
        progress(sum(map(len, shared)))
    joined = {job_of(row): row for row in gather_object(rows)}
    if not accelerator.is_main_process:
        return []
    return [joined[p.id, sample] for p in problems for sample in range(settings.samples)]


def load_generate(
    settings: SampleSettings,
    path: str,
    tokenizer,
    bridge: Bridge,
    prompts: dict[str, list[int]],
    accelerator: Accelerator,
) -> tuple[Generate, set[int]]:
    """What samples from the policy, and the ids at which its attempts end."""
    if settings.rollout_backend == "vllm":
        config = declared_generation(path, settings.cache_dir)
        stop_ids = stop_ids_of(config, tokenizer, bridge)
        turn = settings.max_tokens + len(bridge.ids)
        length = max(map(len, prompts.values())) + settings.num_turns * turn
        return VLLMGenerate(
            settings, path, stop_ids, length, accelerator.local_process_index
        ), stop_ids
    policy = load_policy(path, settings.precision, settings.cache_dir).eval()
    stop_ids = stop_ids_of(policy.generation_config, tokenizer, bridge)
    config = sampling_config(
        settings.max_tokens, settings.temperature, stop_ids, tokenizer.pad_token_id
    )
    policy = place_for_sampling(policy, accelerator)
    return HFGenerate(policy, config, settings.batch_size), stop_ids


def made_with(
    settings: SampleSettings, path: str, problems: list[Problem], few_shot: Messages, task
) -> dict:
    """All that attempts depend on: settings as they are, the rest as digests."""
    kept = {key: value for key, value in asdict(settings).items() if key not in _IDLE}
    return {
        **kept,
        "policy": policy_digest(path, settings.cache_dir),
        "problems": digest([asdict(problem) for problem in problems]),
        "few-shots": digest(few_shot),
        "prompts of the task": digest([task.FIRST_PROMPT, task.CORRECTION_PROMPT]),
    }


def attempt_row(problem: Problem, sample: int, rollout: Rollout, texts: list[str]) -> dict:
    """One row: the problem, and of each turn its text, its length and whether it was cut off."""
    row = {
        "problem_id": problem.id,
        "level": problem.level,
        "question": problem.question,
        "answer": json.dumps(problem.answer, ensure_ascii=False),
        "sample": sample,
    }
    for t, text in enumerate(texts, start=1):
        row[f"attempt_t{t}"] = text
        row[f"tokens_t{t}"] = len(rollout.attempts[t - 1])
        row[f"truncated_t{t}"] = rollout.truncated[t - 1]
    return row


class Progress:
    """A line a person can follow, at most every ten seconds."""

    def __init__(self, total: int, found: int, shown: bool):
        self.total, self.found, self.done, self.shown = total, found, found, shown
        self.start = self.last = time.monotonic()
        if shown:
            print(f"sample: {found} of {total} rollouts found in shards", flush=True)

    def __call__(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if self.shown and (now - self.last > 10 or self.done == self.total):
            self.last = now
            left = (now - self.start) / (self.done - self.found) * (self.total - self.done)
            print(
                f"sample: {self.done} of {self.total} rollouts ({self.found} found in shards), "
                f"{duration(left)} left",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.sample", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of SampleSettings")
    parser.add_argument("--policy", required=True, help="folder or hub name of the policy")
    parser.add_argument("--problems", required=True, help="JSON Lines of problems")
    parser.add_argument("--few-shot-dir", help="folder of worked examples")
    parser.add_argument(
        "--shards", required=True, type=Path, help="scratch folder, gone in the end"
    )
    parser.add_argument("--attempts", required=True, type=Path, help="parquet file to write")
    flags = parser.parse_args()
    join_launcher()
    try:
        settings = read_settings(flags.settings, SampleSettings)
        problems = read_problems(flags.problems)
        few_shot = read_few_shot(flags.few_shot_dir, settings.task_type)
    except ValueError as error:
        sys.exit(f"sample: {error}")
    first = os.environ.get("RANK", "0") == "0"
    with sole_writer(str(flags.shards)) if first else nullcontext():
        rows = sample_policy(settings, flags.policy, problems, few_shot, flags.shards)
        if first:
            write_synced(flags.attempts, pd.DataFrame(rows).to_parquet(index=False))
            shutil.rmtree(flags.shards)
    leave_launcher()


if __name__ == "__main__":
    main()
