"""Sample all attempts of a policy at the problems of one split.

    python -m score.launch --config configs/accelerate/cpu.yaml --processes 1 -m score.sample \\
        --settings settings.json --policy POLICY --problems test.jsonl --attempts sampled.parquet

Sampling knows nothing of right and wrong: verdicts are given by `score.judge`, so a change of the
verifier never samples again. Every rank samples its share; the first one writes.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from accelerate.utils import gather_object, set_seed

from score.distributed import inference_accelerator, join_launcher, place_for_sampling
from score.policies import load_policy
from score.problems import Problem, read_problems, read_settings
from score.prompts import Bridge, first_messages, load_tokenizer, prompt_ids, read_few_shot
from score.rollout import (
    HFGenerate,
    Rollout,
    attempt_texts,
    sample_rollouts,
    sampling_config,
    stop_ids_of,
)
from score.tasks import load_task


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
    cache_dir: str | None = None

    def __post_init__(self):
        if self.temperature == 0 and self.samples > 1:
            raise ValueError(
                f"evaluation samples is {self.samples} at temperature 0; expected 1, since greedy "
                "attempts are all alike. Raise the temperature or lower samples."
            )


def sample_policy(
    settings: SampleSettings, path: str, problems: list[Problem], few_shot: list[dict]
) -> list[dict]:
    """Rows of sampled.parquet, in the order of the problems; empty on all ranks but the first."""
    accelerator = inference_accelerator()
    set_seed(settings.random_seed, device_specific=True)
    task = load_task(settings.task_type)
    tokenizer = load_tokenizer(path, settings.cache_dir)
    bridge = Bridge.of(tokenizer, task.CORRECTION_PROMPT)
    policy = load_policy(path, settings.precision, settings.cache_dir).eval()
    stop_ids = stop_ids_of(policy, tokenizer, bridge)
    policy = place_for_sampling(policy, accelerator)
    config = sampling_config(
        settings.max_tokens, settings.temperature, stop_ids, tokenizer.pad_token_id
    )
    jobs = [(i, s) for i in range(len(problems)) for s in range(settings.samples)]
    # Padding gives every rank the same number of batches, which sharded weights (ZeRO-3) need.
    with accelerator.split_between_processes(jobs, apply_padding=True) as mine:
        prompts = [
            prompt_ids(tokenizer, first_messages(problems[i].question, task, few_shot))
            for i, _ in mine
        ]
        progress = Progress(len(mine) * settings.num_turns, accelerator.is_main_process)
        generate = HFGenerate(policy, config, settings.batch_size, progress)
        rollouts = sample_rollouts(prompts, bridge, generate, stop_ids, settings.num_turns)
        texts = attempt_texts(rollouts, tokenizer)
        rows = [
            (job, attempt_row(problems[job[0]], job[1], rollout, text))
            for job, rollout, text in zip(mine, rollouts, texts, strict=True)
        ]
    gathered = dict(gather_object(rows))
    return [gathered[job] for job in jobs] if accelerator.is_main_process else []


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

    def __init__(self, total: int, shown: bool):
        self.total, self.done, self.shown = total, 0, shown
        self.start = self.last = time.monotonic()

    def __call__(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if self.shown and (now - self.last > 10 or self.done == self.total):
            self.last = now
            left = (now - self.start) / self.done * (self.total - self.done)
            print(f"sampled {self.done} of {self.total} attempts, {left:.0f} s left", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m score.sample", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--settings", required=True, help="JSON file of SampleSettings")
    parser.add_argument("--policy", required=True, help="folder or hub name of the policy")
    parser.add_argument("--problems", required=True, help="JSON Lines of problems")
    parser.add_argument("--few-shot-dir", help="folder of worked examples")
    parser.add_argument("--attempts", required=True, type=Path, help="parquet file to write")
    flags = parser.parse_args()
    join_launcher()
    try:
        settings = read_settings(flags.settings, SampleSettings)
        problems = read_problems(flags.problems)
        few_shot = read_few_shot(flags.few_shot_dir, settings.task_type)
    except ValueError as error:
        sys.exit(f"sample: {error}")
    rows = sample_policy(settings, flags.policy, problems, few_shot)
    if rows:
        pd.DataFrame(rows).to_parquet(flags.attempts, index=False)


if __name__ == "__main__":
    main()
