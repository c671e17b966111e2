"""SCoReTrainer: two-turn reinforcement learning on top of TRL.

How it departs from TRL's GRPOTrainer, which it subclasses: a rollout is N attempts in one
conversation; each turn has its own pay, its own leave-one-out baseline and its own KL weight; the
KL is that of whole attempts to a reference that is given and never moves; the order of problems
follows from seed and epoch alone. Inherited: loading of policies and adapters, DeepSpeed, logging,
checkpoints and resuming; vLLM with its weight sync too, of which only what happens here is tested.
Only this file, config.py and correction_trainer.py import trl.
"""

from collections.abc import Callable
from contextlib import nullcontext

import torch
import trl.trainer.utils
from accelerate.utils import gather, set_seed
from datasets import Dataset
from trl import GRPOTrainer
from trl.models import prepare_deepspeed, unwrap_model_for_generation
from trl.trainer.utils import add_fused_lm_head, create_model_from_path, use_adapter

from score import objective
from score.batches import pad_rollouts, token_logps
from score.checkpoints import writing_checkpoint, written_to
from score.config import SCoReConfig
from score.prompts import Bridge, prompt_ids
from score.records import TurnSums
from score.rewards import turn_pay
from score.rollout import (
    HFGenerate,
    Rollout,
    attempt_texts,
    sample_rollouts,
    sampling_config,
    stop_ids_of,
)
from score.sampler import ProblemSampler
from score.vllm_backend import TrainingGenerate

# (attempts, answers) -> one score in [0, 1] each, or objects that float() turns into one.
Score = Callable[[list[str], list], list]


class SCoReTrainer(GRPOTrainer):
    """Train a policy with Stage I (Eq 3) or Stage II (Eq 4), as `args.objective` says.

    model: a path, hub name, PreTrainedModel or PeftModel. reference: the frozen π_ref of the KL, as
    a path or hub name; None takes the weights that `model` starts from (for an adapter: the weights
    it was made for). Stage II must name the base policy here, or the KL would be to Stage I.
    train_dataset: columns `prompt` (chat messages) and `answer`. verifier: judges attempts.
    """

    _tag_names = ("trl", "score")
    _name = "SCoRe"

    def __init__(
        self,
        model,
        args: SCoReConfig,
        train_dataset: Dataset,
        verifier: Score,
        *,
        reference: str | None = None,
        **kwargs,
    ):
        _check_dataset(train_dataset, args)
        if not torch.cuda.is_available():
            # TRL's tiles of the LM head fit a GPU; these fit a CPU's caches (a third faster there).
            trl.trainer.utils._CHUNKED_LOGPROB_CHUNK_SIZE = 4096
        super().__init__(
            model=model,
            reward_funcs=[_paid_per_turn],
            args=args,
            train_dataset=train_dataset,
            **kwargs,
        )
        self.verifier = verifier
        self.bridge = Bridge.of(self._tokenizer, args.correction_prompt)
        self.stop_ids = stop_ids_of(
            self.accelerator.unwrap_model(self.model).generation_config,
            self._tokenizer,
            self.bridge,
        )
        self.eos_token_ids = sorted(self.stop_ids)
        if self.use_vllm:
            # TRL leaves it to vLLM, which knows neither the template nor what else ends an attempt.
            self.vllm_generation.generation_kwargs = {"stop_token_ids": self.eos_token_ids}
            # A colocated engine has seeded this process by its rank alone.
            set_seed(args.seed, device_specific=True)
        self.kl_weights = objective.kl_weights(
            args.objective, args.num_turns, args.init_kl_coef, args.corr_kl_coef
        )
        self._sums = TurnSums()
        self._prepare_reference(reference)

    def _prepare_reference(self, reference: str | None) -> None:
        """Load π_ref, unless it is the policy's own weights below an adapter."""
        policy = self.accelerator.unwrap_model(self.model)
        adapted = hasattr(policy, "peft_config")
        below = policy.get_base_model() if adapted else policy
        start = below.config._name_or_path
        self.reference_is_below_adapter = adapted and reference in (None, start)
        if self.reference_is_below_adapter:
            return
        self.ref_model = create_model_from_path(
            reference or start,
            cache_dir=self.args.cache_dir,
            dtype=below.dtype,
            attn_implementation=below.config._attn_implementation,
            device_map=None,
        )
        self.ref_model.requires_grad_(False)
        add_fused_lm_head(self.ref_model, temperature=self.temperature)
        if self.is_deepspeed_enabled:
            self.ref_model = prepare_deepspeed(self.ref_model, self.accelerator)
        else:
            self.ref_model = self.accelerator.prepare_model(self.ref_model, evaluation_mode=True)

    # ------------------------------------------------------------------------------------ rollouts
    def _get_train_sampler(self, dataset=None):
        size = len(self.train_dataset if dataset is None else dataset)
        problems = self.args.generation_batch_size // self.num_generations
        return ProblemSampler(
            size,
            problems,
            k=self.num_generations,
            steps=self.args.steps_per_generation,
            seed=self.args.seed,
            epoch=lambda: self.state.global_step // (size // problems),
        )

    def _prepare_inputs(self, inputs):
        """Micro-batch of this step: fresh rollouts at the start of every update, then slices of them."""
        step = self._step % self.args.steps_per_generation
        if step == 0 or self._buffered_inputs is None:
            self._buffered_inputs = self._make_batches(inputs)
        return self._buffered_inputs[step]

    def _make_batches(self, problems: list[dict]) -> list[dict[str, torch.Tensor]]:
        """One generation batch of problems -> micro-batches of rollouts with advantages."""
        rollouts = self._sample([problem["prompt"] for problem in problems])
        scores, answers = self._verify(rollouts, [problem["answer"] for problem in problems])
        # Rows of similar length share a micro-batch, each padded only to its own longest row.
        order = sorted(range(len(rollouts)), key=lambda i: len(rollouts[i].tokens()[0]))
        rollouts, scores = [rollouts[i] for i in order], scores[order]
        unchanged = sum(answers[i][-1] == answers[i][-2] for i in order)
        size = self.args.per_device_train_batch_size
        batches = self._pad(rollouts, size)
        for batch in batches:
            batch["ref_logps"] = self._no_grad_logps(batch, reference=True)
        pay = turn_pay(scores, self.args.objective, self.args.stage2_alpha)
        if self.args.kl_estimator == "k1":
            pay = objective.charge_kl(pay, self._attempt_log_ratios(batches), self.kl_weights)
        advantages = self._advantages(pay, order)
        for i, batch in enumerate(batches):
            batch["advantages"] = advantages[i * size : (i + 1) * size]
        self._sums.add_rollouts(rollouts, scores, unchanged)
        return batches

    def _sample(self, messages: list[list[dict]]) -> list[Rollout]:
        prompts = [prompt_ids(self._tokenizer, m) for m in messages]
        sample = lambda generate: sample_rollouts(  # noqa: E731
            prompts, self.bridge, generate, self.stop_ids, self.args.num_turns
        )
        if self.use_vllm:
            engine = TrainingGenerate(
                self._generate_single_turn, self.num_generations, self.stop_ids
            )
            return engine.tell(sample(engine))
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
        ) as policy:
            config = sampling_config(
                self.max_completion_length,
                self.temperature,
                self.stop_ids,
                self._tokenizer.pad_token_id,
            )
            return sample(HFGenerate(policy, config, self.args.local_rollout_forward_batch_size))

    def _verify(self, rollouts: list[Rollout], answers: list) -> tuple[torch.Tensor, list[list]]:
        """Scores (B, N) of this rank's rollouts, and the answers they state (else their texts)."""
        turns = self.args.num_turns
        texts = [text for row in attempt_texts(rollouts, self._tokenizer) for text in row]
        verdicts = self.verifier(texts, [answer for answer in answers for _ in range(turns)])
        scores = torch.tensor([float(v) for v in verdicts], device=self.accelerator.device)
        stated = [getattr(v, "extracted", t) for v, t in zip(verdicts, texts, strict=True)]
        rows = [stated[i : i + turns] for i in range(0, len(stated), turns)]
        return scores.view(-1, turns), rows

    def _pad(self, rollouts: list[Rollout], size: int) -> list[dict[str, torch.Tensor]]:
        device, pad_id = self.accelerator.device, self._tokenizer.pad_token_id
        batches = [
            pad_rollouts(rollouts[i : i + size], pad_id) for i in range(0, len(rollouts), size)
        ]
        return [{key: value.to(device) for key, value in batch.items()} for batch in batches]

    # ------------------------------------------------------------------- log-probabilities and pay
    @torch.no_grad()
    def _no_grad_logps(self, batch: dict[str, torch.Tensor], reference: bool) -> torch.Tensor:
        """Log-probabilities (B, T) under π_ref or the policy, a few rows at a time."""
        rows = self.args.local_rollout_forward_batch_size
        parts = [
            {key: batch[key][i : i + rows] for key in ("input_ids", "attention_mask", "turn")}
            for i in range(0, len(batch["turn"]), rows)
        ]
        model = self.ref_model if reference and self.ref_model is not None else self.model
        below = reference and self.reference_is_below_adapter
        policy = self.accelerator.unwrap_model(self.model)
        training = self.model.training
        self.model.eval()  # without the dropout an adapter may have
        with self.accelerator.autocast(), use_adapter(policy, None) if below else nullcontext():
            logps = torch.cat([token_logps(model, part)[0] for part in parts])
        self.model.train(training)
        return logps

    def _attempt_log_ratios(self, batches: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        """log π(y_t) − log π_ref(y_t) of every attempt, (B, N)."""
        rows = []
        for batch in batches:
            difference = self._no_grad_logps(batch, reference=False) - batch["ref_logps"]
            rows.append(objective.per_turn_sum(difference, batch["turn"], self.args.num_turns))
        return torch.cat(rows)

    def _advantages(self, pay: torch.Tensor, order: list[int]) -> torch.Tensor:
        """Advantages (B, N) of this rank's rows; groups of K may lie across ranks."""
        in_groups = torch.empty_like(pay)
        in_groups[order] = pay
        everyone = gather(in_groups)
        advantages = objective.leave_one_out(everyone, self.num_generations)
        if self.args.scale_advantages:
            advantages = objective.scale_by_batch(advantages)
        first = self.accelerator.process_index * len(order)
        return advantages[first : first + len(order)][order]

    # ---------------------------------------------------------------------------------------- loss
    def _compute_loss(self, model, inputs):
        with self.accelerator.autocast():
            logps, entropy = token_logps(model, inputs)
        in_loss = self.args.kl_estimator == "k2"
        loss = objective.policy_loss(
            logps,
            inputs["turn"],
            inputs["advantages"],
            ref_logps=inputs["ref_logps"] if in_loss else None,
            kl_weights=self.kl_weights if in_loss else None,
            old_logps=inputs.get("sampler_logps"),
            ratio_cap=self.args.importance_ratio_cap,
        )
        log_ratio = logps.detach() - inputs["ref_logps"]
        self._sums.add_tokens(log_ratio, entropy.detach(), inputs["turn"], self.args.num_turns)
        return loss / self.current_gradient_accumulation_steps

    # --------------------------------------------------------------------------------- checkpoints
    def _get_output_dir(self, trial):
        return written_to(self.args.output_dir)

    def _save_checkpoint(self, model, trial):
        with writing_checkpoint(
            self.args.output_dir,
            self.state.global_step,
            self.accelerator,
            keep=self.args.save_total_limit,
        ):
            super()._save_checkpoint(model, trial)

    # ----------------------------------------------------------------------------------------- log
    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        for name, mean in self._sums.means(self.accelerator).items():
            self._metrics["train"][name].append(mean)
        super().log(logs, start_time)


def _paid_per_turn(**kwargs):
    raise AssertionError("pay is worked out per turn, in SCoReTrainer._make_batches")


def _check_dataset(dataset: Dataset, args: SCoReConfig) -> None:
    missing = {"prompt", "answer"} - set(dataset.column_names)
    if missing:
        raise ValueError(
            f"train_dataset has columns {dataset.column_names}; expected prompt and answer. "
            f"Add {' and '.join(sorted(missing))}."
        )
    problems = args.generation_batch_size // args.num_generations
    if len(dataset) < problems:
        raise ValueError(
            f"train_dataset holds {len(dataset)} problems, but one update needs {problems} "
            "(rollouts of an update / number_output_initial_generations). Add problems or lower "
            "gradient_accumulation_steps or per_device_train_batch_size."
        )
