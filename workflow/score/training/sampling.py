"""Rollouts sampled from the policy under training, through transformers or vLLM."""

from collections.abc import Callable
from itertools import groupby

from accelerate.utils import gather_object
from trl.models import unwrap_model_for_generation

from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.rollout import Rollout, begin_rollouts, sample_rollouts
from score.sampling.sampler_logps import tell_logps
from score.sampling.self_verified import as_attempts, continue_verified
from score.sampling.vllm import TrainingGenerate
from score.training.judging import JudgedTurns, Judging
from score.training.offline_attempts import StartingFrom
from score.training.shared_attempts import SharedFirst, repeated


class SamplesRollouts:
    """The part of SCoReTrainer that samples attempts."""

    def _given(self, problems: list[dict]) -> list[list[int] | None] | None:
        """The first attempts that this rank's rollouts start from; None where all are sampled."""
        if self.first_attempts is None:
            return None
        ids = [problem["problem_id"] for problem in problems]
        first = self.accelerator.process_index * len(ids)
        step = self.state.global_step
        k, corrections = self.num_generations, self.args.corrections_per_attempt
        return self.first_attempts.of_rollouts(ids, step, first, k, corrections)

    def _all_first_are_given(self, given: list[list[int] | None] | None) -> bool:
        """Whether no rank has a first attempt to sample; the same on all ranks."""
        return given is not None and (
            self.method.alternates or self.args.offline_first_attempts == 1
        )

    def sample_greedily(self, messages: list[list[dict]], turns: int) -> list[Rollout]:
        """One greedy rollout of each conversation; every rank must ask for as many."""
        if self.use_vllm:
            self._settle_ahead()
            engine, temperature = self.vllm_generation, self.vllm_generation.temperature
            engine.temperature = 0.0
            try:
                rollouts = self._sample(messages, None, k=1, turns=turns)
            finally:
                engine.temperature = temperature
        else:
            rollouts = self._sample(messages, None, temperature=0.0, turns=turns)
        return [as_attempts(r) for r in rollouts] if self.method.verifies else rollouts

    def _sample(
        self,
        messages: list[list[dict]],
        given: list[list[int] | None] | None,
        *,
        k: int | None = None,
        temperature: float | None = None,
        turns: int | None = None,
        corrections: int = 1,
        judging: Judging | None = None,
        single_turn: Callable | None = None,
    ) -> list[Rollout]:
        """Rollouts of K in a row that have one prompt, `corrections` of which share a first attempt.

        given: first attempts that are not sampled. k, temperature, turns: where they differ from those
        of training. judging: is told of attempts as soon as they are sampled. single_turn: what samples
        a turn through vLLM; None: TRL's own, which gives the engine the weights of now.
        """
        k, turns = k or self.num_generations, turns or self.args.num_turns
        temperature = self.temperature if temperature is None else temperature
        # K rollouts in a row have one prompt.
        groups = [(self.rendered(m), len(list(g))) for m, g in groupby(messages)]
        prompts = [ids for ids, size in groups for _ in range(size)]

        def sample(engine, same_number, places):
            firsts = engine
            if given is not None:
                starts = [given[i] for i in places[::corrections]]
                firsts = StartingFrom(engine, starts, same_number)
            generate, asked = SharedFirst(firsts, corrections), [prompts[i] for i in places]
            if self.method.verifies:
                begun = begin_rollouts(asked, generate, self.stop_ids, None)
                then = self.bridges, engine, self.stop_ids, turns
                rollouts = continue_verified(begun, *then, self.read_verdicts)
                if judging is not None:
                    judging.add(places, [as_attempts(rollout).attempts for rollout in rollouts])
            else:
                if judging is not None:
                    generate = JudgedTurns(generate, judging, places)
                rollouts = sample_rollouts(asked, self.bridge, generate, self.stop_ids, turns)
            if engine.tell:
                first, *later = engine.logps
                tell_logps(rollouts, [repeated(first, corrections), *later])
                engine.logps = []
            return rollouts

        if self.use_vllm:
            firsts = k // corrections
            single_turn = single_turn or self._generate_single_turn
            engine = TrainingGenerate(single_turn, firsts, self.stop_ids)
            # The engine wants whole groups of first attempts, in their order.
            whole = 0 if self._all_first_are_given(given) else len(prompts) // corrections
            return sample(engine, lambda lacking: whole, range(len(prompts)))
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
        ) as policy:
            config = sampling_config(
                self.max_completion_length,
                temperature,
                self.stop_ids,
                self._tokenizer.pad_token_id,
            )
            rows = self.args.local_rollout_forward_batch_size
            tell = self.args.sampler_ratios and temperature > 0
            compiled = self.args.compile_decoding
            engine = HFGenerate(policy, config, rows, tell, self.stop_ids.strings, compiled)
            sampled: dict[int, Rollout] = {}
            for places in in_parts(prompts, rows, corrections):
                found = sample(engine, lambda lacking: max(gather_object([lacking])), places)
                sampled.update(zip(places, found, strict=True))
        return [sampled[i] for i in range(len(prompts))]


def in_parts(prompts: list[list[int]], most: int, corrections: int) -> list[list[int]]:
    """The places of prompts in parts of at most `most`, each of which goes through all turns by itself.

    So turn 2 finds turn 1 in the cache. Prompts of similar length share a part, and runs of
    `corrections`, which share a first attempt, stay whole; equally many parts for as many prompts.
    """
    runs = [range(i, i + corrections) for i in range(0, len(prompts), corrections)]
    if len(prompts) > most:
        runs.sort(key=lambda run: -len(prompts[run[0]]))
    size = max(1, most // corrections)
    return [[i for run in runs[j : j + size] for i in run] for j in range(0, len(runs), size)]
