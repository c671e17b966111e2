"""Problems that an evaluation does a second: two greedy attempts at each, and their verdicts.

The puzzle policy on its test problems, by what `sampling.sample` and the verifier run, against the same
with transformers' `generate` for each turn. Start-up is measured elsewhere.
"""

from functools import partial

from score.benchmarks.clock import by_turns, timed
from score.benchmarks.figures import figure, ratio
from score.benchmarks.lengths import generated
from score.benchmarks.measured import Left, Measured, Wanted, part_flags
from score.benchmarks.models import PUZZLE
from score.files.places import REPOSITORY
from score.policies.load import load_policy
from score.problems.problem import read_problems
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.settings import SampleSettings
from score.sampling.shards import missing_batches
from score.verifiers.verifier import Verifier


class Evaluation:
    """An evaluation of `count` problems in batches of 500, as configs/config.yaml has it."""

    def __init__(self, count: int, device: str):
        settings = SampleSettings(
            task_type="puzzle",
            random_seed=1,
            num_turns=2,
            temperature=0.0,
            max_tokens=10,
            samples=1,
            batch_size=500,
            precision="float32",
        )
        problems = read_problems(REPOSITORY / "data/puzzle/problems/test.jsonl")[:count]
        self.answers = {problem.id: problem.answer for problem in problems}
        self.plan = SamplingPlan(settings, PUZZLE, problems, [])
        self.batches = missing_batches(self.plan.prompts, 1, settings.batch_size, set())
        self.policy = load_policy(PUZZLE, "float32").to(device).eval()
        tokenizer = self.plan.tokenizer
        self.stop = stop_ids_of(self.policy.generation_config, tokenizer, self.plan.bridges[0])
        self.config = sampling_config(10, 0.0, self.stop, tokenizer.pad_token_id)

    def run(self, shared: bool) -> list[float]:
        """The scores of all attempts. shared: by the project's sampler."""
        if shared:
            generate = HFGenerate(self.policy, self.config, 500)
        else:
            generate = lambda prompts, _: generated(self.policy, self.config, prompts)  # noqa: E731
        rows = [row for batch in self.batches for row in self.plan.rows(batch, generate, self.stop)]
        texts = [row[f"attempt_t{turn}"] for row in rows for turn in (1, 2)]
        answers = [self.answers[row["problem_id"]] for row in rows for _ in range(2)]
        with Verifier("puzzle") as verifier:
            return [float(verdict) for verdict in verifier(texts, answers)]


def measure(device: str, count: int, rounds: int, left: Left) -> dict:
    evaluation = Evaluation(count, device)
    same = evaluation.run(shared=True) == evaluation.run(shared=False)
    calls = {
        name: timed(partial(evaluation.run, name == "score"), device) for name in ("score", "plain")
    }
    taken = by_turns(calls, rounds, left=left)
    a_second = [count / one["seconds"] for one in taken["score"]]
    return {
        "times as fast as two generations": ratio(taken["plain"], taken["score"]),
        "problems": figure(a_second, "a second"),
        "same_verdicts": same,
    }


def main() -> None:
    flags = part_flags(__spec__, __doc__)
    measured = Measured(flags.output, flags.device, flags.seconds)
    count, rounds = (20, 1) if flags.tiny else (1000, 5)
    measured.take_all([Wanted("puzzle policy", partial(measure, flags.device, count, rounds))])
    measured.finish()


if __name__ == "__main__":
    main()
