"""Rollouts sampled from the policy under training, through transformers or vLLM."""

from itertools import groupby

from accelerate.utils import gather_object
from trl.models import unwrap_model_for_generation

from score.sampling.generate import HFGenerate, sampling_config
from score.sampling.rollout import Rollout, sample_rollouts
from score.sampling.sampler_logps import tell_logps
from score.sampling.vllm import TrainingGenerate
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

    def sample_greedily(self, messages: list[list[dict]], turns: int) -> list[Rollout]:
        """One greedy rollout of each conversation; every rank must ask for as many."""
        if not self.use_vllm:
            return self._sample(messages, None, temperature=0.0, turns=turns)
        engine, temperature = self.vllm_generation, self.vllm_generation.temperature
        engine.temperature = 0.0
        try:
            return self._sample(messages, None, k=1, turns=turns)
        finally:
            engine.temperature = temperature

    def _sample(
        self,
        messages: list[list[dict]],
        given: list[list[int] | None] | None,
        *,
        k: int | None = None,
        temperature: float | None = None,
        turns: int | None = None,
        corrections: int = 1,
    ) -> list[Rollout]:
        """Rollouts of K in a row that have one prompt, `corrections` of which share a first attempt.

        given: first attempts that are not sampled. k, temperature, turns: where they differ from those
        of training.
        """
        k, turns = k or self.num_generations, turns or self.args.num_turns
        temperature = self.temperature if temperature is None else temperature
        # K rollouts in a row have one prompt.
        groups = [(self.rendered(m), len(list(g))) for m, g in groupby(messages)]
        prompts = [ids for ids, size in groups for _ in range(size)]

        def sample(engine, same_number):
            firsts = engine
            if given is not None:
                firsts = StartingFrom(engine, given[::corrections], same_number)
            generate = SharedFirst(firsts, corrections)
            rollouts = sample_rollouts(prompts, self.bridge, generate, self.stop_ids, turns)
            if engine.tell:
                first, *later = engine.logps
                tell_logps(rollouts, [repeated(first, corrections), *later])
            return rollouts

        if self.use_vllm:
            firsts = k // corrections
            engine = TrainingGenerate(self._generate_single_turn, firsts, self.stop_ids)
            # The engine wants whole groups of first attempts, in their order.
            return sample(engine, same_number=lambda lacking: len(prompts) // corrections)
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
            engine = HFGenerate(policy, config, rows, tell, self.stop_ids.strings)
            return sample(engine, same_number=lambda lacking: max(gather_object([lacking])))
