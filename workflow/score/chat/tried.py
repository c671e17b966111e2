"""A policy that is asked one question after another, as it was in its training and evaluation."""

from itertools import pairwise

import torch

from score.chat.asking import Asking
from score.chat.differences import changes
from score.chat.stream import Heard, StreamedGenerate
from score.problems.problem import Problem
from score.sampling.sample import load_sampler
from score.sampling.sampling_plan import SamplingPlan
from score.tasks import extract_with
from score.verifiers.reasoning import after_reasoning
from score.verifiers.verifier import Verifier


class TriedPolicy:
    """The loaded policy, on the GPU where there is one. ValueError where it can't run."""

    def __init__(self, weights: str, asking: Asking):
        self.asking = asking
        self.plan = SamplingPlan(asking.sampling, weights, [], asking.few_shot)
        policy, config, self.stop_ids = load_sampler(self.plan)
        self.context = getattr(
            policy.config.get_text_config(), "max_position_embeddings", None
        )  # tokens of a conversation
        self.policy = policy.to("cuda" if torch.cuda.is_available() else "cpu")
        self.generate = StreamedGenerate(self.policy, config, 1, strings=self.stop_ids.strings)
        self.verifier = Verifier.from_settings(asking.verifying)
        self.asked = 0

    def gold(self, answer: str):
        """A reference answer as the task reads it; ValueError where it can't be one."""
        try:
            return self.plan.task.parse_gold(answer)
        except Exception as error:  # a task of the user's own may raise anything
            raise ValueError(
                f"--answer is {answer[:60]!r}, which the task refuses: {error}. Correct it."
            ) from None

    def check_question(self, question: str) -> Problem:
        """The question as a problem. ValueError where it is empty, no question of the task, or leaves no
        room in the policy's context for the attempts."""
        if not question.strip():
            raise ValueError("the question is empty; expected a text. Ask something.")
        if (own := getattr(self.plan.task, "canonical_question", None)) is not None:
            own(question)
        problem = Problem("asked", question, "")
        self.plan.take([problem])
        length, prompt = self.plan.length(), len(self.plan.prompts[problem.id])
        if self.context is not None and length > self.context:
            raise ValueError(
                f"the question is too long: its prompt has {prompt:,} tokens, and with all attempts the "
                f"conversation may have {length:,}, while the policy's context holds {self.context:,}. "
                "Shorten it, or lower --max-tokens."
            )
        return problem

    def sampled(self, problem: Problem, heard: Heard | None = None) -> dict:
        """A row as of sampled.parquet: all attempts at the problem, heard as they are sampled."""
        self.plan.take([problem])
        self.generate.heard, self.generate.margins = heard, []
        job = (problem.id, self.asked)  # so that a question asked twice has other draws
        self.asked += 1
        return self.plan.rows([job], self.generate, self.stop_ids)[0]

    def ask(self, question: str, gold=None, heard: Heard | None = None) -> dict:
        """What can be told of one question, ready for JSON.

        attempts: each with text, tokens, truncated, stated (the answer as the task reads it, null for
        none) and, where gold is given, verdict and score. critiques: what it said between them, where
        it is asked for that. changes: of each attempt after the first, see `differences.changes`.
        """
        row = self.sampled(self.check_question(question), heard)
        turns = range(1, self.asking.sampling.num_turns + 1)
        texts = [row[f"attempt_t{turn}"] for turn in turns]
        told = []
        for turn, text in zip(turns, texts, strict=True):
            counted = {name: row[f"{name}_t{turn}"] for name in ("tokens", "truncated")}
            told.append({"turn": turn, "text": text, **counted})
        if gold is None:
            for attempt in told:
                attempt["stated"] = self._stated(attempt["text"], row["opening"])
        else:
            verdicts = self.verifier(
                texts, [gold] * len(texts), None, row["opening"], [question] * len(texts)
            )
            for attempt, verdict in zip(told, verdicts, strict=True):
                attempt["stated"] = verdict.extracted
                attempt |= {"verdict": verdict.verdict, "score": verdict.score}
        between = [row[name] for name in row if name.startswith("critique_t")]
        changed = [changes(*pair) for pair in pairwise(texts)]
        found = {"question": question, "attempts": told, "changes": changed}
        return found | ({"critiques": between} if between else {})

    def _stated(self, attempt: str, opening: str) -> str | None:
        verifier = self.verifier
        said = after_reasoning(attempt, verifier.reasoning_tags, opening)
        if said is None:
            return None
        return extract_with(verifier.task, said, verifier.mode, verifier.marker, "")

    def embedding_rows(self) -> int:
        """Token ids that the policy's head has, those that fill it up included."""
        return self.policy.get_output_embeddings().weight.size(0)

    def release(self) -> None:
        """Give the memory of the weights back; nothing can be asked any more."""
        self.policy = self.generate = None

    def close(self) -> None:
        self.verifier.close()
