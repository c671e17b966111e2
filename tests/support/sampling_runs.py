"""Small samplings of the shipped puzzle policy, for tests in this process."""

import pandas as pd
from score.policies.load import load_policy
from score.problems.problem import read_problems
from score.sampling.generate import stop_ids_of
from score.sampling.prompts import Bridge, first_messages, prompt_ids
from score.sampling.sample import SampleSettings, sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.tokenizers import load_tokenizer
from score.tasks import load_task

BASE = "data/puzzle/policy"


TOKENIZER = load_tokenizer(BASE)


POLICY = load_policy(BASE, "float32").eval()


BRIDGE = Bridge.from_tokenizer(TOKENIZER, "recheck")


STOP = stop_ids_of(POLICY.generation_config, TOKENIZER, BRIDGE)


def ragged_prompts(count=12):
    """Prompts of puzzles, some behind one or two worked examples, so that lengths differ."""
    problems = read_problems("data/puzzle/problems/train.jsonl")[:count]
    task = load_task("puzzle")
    example = [
        {"role": "user", "content": "1 2 3 4 5 6 make 6"},
        {"role": "assistant", "content": "-1 =5 -2 =3 -3 =0"},
    ]
    return [
        prompt_ids(TOKENIZER, first_messages(p.question, task, example * (i % 3)))
        for i, p in enumerate(problems)
    ]


PROBLEMS = read_problems("data/puzzle/problems/test.jsonl")[:60]


SETTINGS = SampleSettings(
    task_type="puzzle",
    random_seed=5,
    num_turns=2,
    temperature=1.0,
    max_tokens=10,
    samples=2,
    batch_size=64,
    precision="float32",
)


def sample(settings, problems, folder, first_attempts=None):
    plan = SamplingPlan(settings, BASE, problems, [], first_attempts)
    return sample_policy(plan, folder / "shards")


def stored(rows, path):
    """The path of a file of these rows."""
    pd.DataFrame(rows).to_parquet(path, index=False)
    return path
