"""SCoReTrainer: reinforcement learning over several turns on top of TRL.

How it departs from TRL's GRPOTrainer, which it subclasses: a rollout is N attempts in one
conversation; each turn has its own reward, its own leave-one-out baseline and its own KL weight; the
KL is that of whole attempts to a reference that is given and never moves; the order of problems
follows from seed and epoch alone. Inherited: loading of policies and adapters, DeepSpeed, logging,
checkpoints and resuming; vLLM with its weight sync too, of which only what happens here is tested.
Which modules import trl is a contract of `make lint`.
"""

from contextlib import nullcontext
from itertools import groupby

import torch
import trl.trainer.utils
from accelerate.utils import gather_object, set_seed
from datasets import Dataset
from trl import GRPOTrainer
from trl.models import prepare_deepspeed, unwrap_model_for_generation
from trl.trainer.utils import add_fused_lm_head, create_model_from_path, use_adapter

from score.policies.distribution import leave_out_padding_rows, without_router_loss
from score.policies.lineage import recorded_reference, write_lineage
from score.policies.load import is_adapter, load_policy
from score.sampling.generate import HFGenerate, sampling_config, stop_ids_of
from score.sampling.prompts import Bridge, RenderedPrompts
from score.sampling.rollout import Rollout, sample_rollouts
from score.sampling.sampler_logps import tell_logps
from score.sampling.vllm import TrainingGenerate, stop_requests
from score.training import loss
from score.training.advantages import divisor, in_equal_groups, rank_advantages
from score.training.batches import ProblemSampler, Score, pad_batches, score_attempts, token_logps
from score.training.checkpoints import WholeCheckpoints
from score.training.config import SCoReConfig
from score.training.fused_head import check_fused_head
from score.training.health import paid_turns
from score.training.objectives import OBJECTIVES, current_weight
from score.training.offline_attempts import OfflineAttempts, StartingFrom
from score.training.records import TurnSums
from score.training.second_opinions import SecondOpinions
from score.verifiers.reasoning import VerifierBehind
from score.verifiers.verifier import Verifier


class SCoReTrainer(WholeCheckpoints, GRPOTrainer):
    """Train a policy with Stage I (Eq 3), Stage II (Eq 4) or another of the OBJECTIVES.

    model: a path, hub name, PreTrainedModel or PeftModel. reference: the frozen π_ref of the KL, as
    a path or hub name. None takes the reference of the training that saved `model`, so Stage II from
    a Stage I folder is held to its base; where the folder tells of no such training, the weights that
    `model` starts from (for an adapter: the weights it was made for). ValueError where the reference
    that the folder tells of is gone or changed. Stage I(b) of three turns names the policy of I(a).
    train_dataset: columns `prompt` (chat messages) and `answer`. verifier: judges attempts.
    first_attempts: given for `args.offline_first_attempts`; the dataset then has `problem_id` too.
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
        first_attempts: OfflineAttempts | None = None,
        **kwargs,
    ):
        args.check_dataset(train_dataset)
        if not torch.cuda.is_available():
            # TRL's tiles of the LM head fit a GPU; these fit a CPU's caches (a third faster there).
            trl.trainer.utils._CHUNKED_LOGPROB_CHUNK_SIZE = 4096
        super().__init__(
            model=model,
            reward_funcs=[_no_reward_function],
            args=args,
            train_dataset=train_dataset,
            **kwargs,
        )
        self._one_distribution(self.accelerator.unwrap_model(self.model))
        self._head_is_checked = False
        self.first_attempts = first_attempts
        self.objective = OBJECTIVES[args.objective]
        begins = train_dataset[0]["prompt"][0]
        system_prompt = begins["content"] if begins["role"] == "system" else None
        self.bridge = Bridge.from_tokenizer(self._tokenizer, args.correction_prompt, system_prompt)
        self.rendered = RenderedPrompts(self._tokenizer, train_dataset["prompt"])
        # The template may open a reasoning block before each attempt.
        ours = isinstance(verifier, Verifier)
        self.verifier = VerifierBehind(verifier, self.bridge.opening) if ours else verifier
        self.stop_ids = stop_ids_of(
            self.accelerator.unwrap_model(self.model).generation_config,
            self._tokenizer,
            self.bridge,
        )
        self.eos_token_ids = sorted(self.stop_ids)
        if self.use_vllm:
            # TRL relies on vLLM to end an attempt, which does not know the template's end of turn.
            self.vllm_generation.generation_kwargs = stop_requests(self.stop_ids)
            # A colocated engine has seeded this process by its rank alone.
            set_seed(args.seed, device_specific=True)
        self._sums = TurnSums()
        self.second_opinions = SecondOpinions(self.verifier, args.second_opinions)
        self._prepare_reference(reference)

    def _one_distribution(self, model) -> None:
        """Sampling and scoring are of the tokenizer's tokens; vLLM's engine has its own weights."""
        without_router_loss(model)
        if not self.use_vllm:
            leave_out_padding_rows(model, self._tokenizer)

    def _prepare_reference(self, reference: str | None) -> None:
        """Load π_ref, unless it is the policy's own weights below an adapter."""
        policy = self.accelerator.unwrap_model(self.model)
        adapted = hasattr(policy, "peft_config")
        below = policy.get_base_model() if adapted else policy
        start = below.config._name_or_path
        reference = reference or recorded_reference(start, self.args.cache_dir)
        self.reference = reference or start
        self.reference_is_below_adapter = adapted and reference in (None, start)
        if self.reference_is_below_adapter:
            return
        self.ref_model = self._load_reference(self.reference, below)
        self._one_distribution(self.ref_model)
        self.ref_model.requires_grad_(False)
        if self.is_deepspeed_enabled:
            self.ref_model = prepare_deepspeed(self.ref_model, self.accelerator)
        else:
            self.ref_model = self.accelerator.prepare_model(self.ref_model, evaluation_mode=True)

    def _load_reference(self, path: str, like):
        """The weights at `path` in the precision of `like`, with the head that scores tokens."""
        if is_adapter(path):
            # Apart from its base, as a policy that is trained: merged weights round otherwise.
            precision = str(like.dtype).removeprefix("torch.")
            model = load_policy(
                path,
                precision,
                self.args.cache_dir,
                trainable=True,
                attn_implementation=like.config._attn_implementation,
                trust_remote_code=self.args.trust_remote_code,
            ).eval()
            add_fused_lm_head(model.get_base_model(), temperature=self.temperature)
            return model
        model = create_model_from_path(
            path,
            cache_dir=self.args.cache_dir,
            dtype=like.dtype,
            attn_implementation=like.config._attn_implementation,
            device_map=None,
            trust_remote_code=self.args.trust_remote_code,
        )
        add_fused_lm_head(model, temperature=self.temperature)
        return model

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
        if not self._head_is_checked:
            with self.accelerator.autocast():
                check_fused_head(self.model, self.temperature)
            self._head_is_checked = True
        self.kl_weights = self._kl_weights()
        given = self._given(problems)
        rollouts = self._sample([problem["prompt"] for problem in problems], given)
        scored = score_attempts(self.verifier, rollouts, problems, self._tokenizer)
        opinions = self.second_opinions.ask(self.state.global_step + 1, problems, scored)
        self._sums.add_second_opinions(opinions)
        scores, stated = scored.scores, scored.stated
        # Rows of similar length share a micro-batch, each padded only to its own longest row.
        order = sorted(range(len(rollouts)), key=lambda i: len(rollouts[i].tokens()[0]))
        rollouts, stated = [rollouts[i] for i in order], [stated[i] for i in order]
        offline = None if given is None else [given[i] is not None for i in order]
        size, device = self.args.per_device_train_batch_size, self.accelerator.device
        scores = scores[order].to(device)
        batches = pad_batches(rollouts, size, self._tokenizer.pad_token_id, device, offline)
        for batch in batches:
            batch["ref_logps"] = self._no_grad_logps(batch, reference=True)
        rewards = self.objective.rewards(scores, self.args)
        rank = self.accelerator.process_index
        equal = in_equal_groups(rewards, order, self.num_generations, rank, offline)
        self._sums.add_equal_groups(equal, paid_turns(self.objective, self.args))
        if self.args.kl_estimator == "k1":
            rewards = loss.charge_kl(rewards, self._attempt_log_ratios(batches), self.kl_weights)
        advantages, self.reward_deviation = rank_advantages(
            rewards, order, self.num_generations, rank, offline
        )
        for i, batch in enumerate(batches):
            batch["advantages"] = advantages[i * size : (i + 1) * size]
        self._sums.add_rollouts(rollouts, scores, stated, offline)
        return batches

    def _kl_weights(self) -> list[float]:
        """β_t of the coming update, N values."""
        args = self.args
        init = current_weight(self.state.log_history, args.init_kl_coef, args.init_kl_target)
        return self.objective.kl_weights(args.num_turns, init, args.corr_kl_coef)

    def _given(self, problems: list[dict]) -> list[list[int] | None] | None:
        """The first attempts that this rank's rollouts start from; None where all are sampled."""
        if self.first_attempts is None:
            return None
        ids = [problem["problem_id"] for problem in problems]
        first = self.accelerator.process_index * len(ids)
        step = self.state.global_step
        return self.first_attempts.of_rollouts(ids, step, first, self.num_generations)

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
    ) -> list[Rollout]:
        """Rollouts as they are trained on; k, temperature and turns where they differ from those."""
        k, turns = k or self.num_generations, turns or self.args.num_turns
        temperature = self.temperature if temperature is None else temperature
        # K rollouts in a row have one prompt.
        groups = [(self.rendered(m), len(list(g))) for m, g in groupby(messages)]
        prompts = [ids for ids, size in groups for _ in range(size)]

        def sample(engine, same_number):
            generate = engine if given is None else StartingFrom(engine, given, same_number)
            rollouts = sample_rollouts(prompts, self.bridge, generate, self.stop_ids, turns)
            if engine.tell:
                tell_logps(rollouts, engine.logps)
            return rollouts

        if self.use_vllm:
            engine = TrainingGenerate(self._generate_single_turn, k, self.stop_ids)
            # The engine wants whole groups of K, in their order.
            return sample(engine, same_number=lambda lacking: len(prompts))
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

    # ------------------------------------------------------------------- log-probabilities
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
        self.model.eval()  # without gradient checkpointing
        with self.accelerator.autocast(), use_adapter(policy, None) if below else nullcontext():
            logps = torch.cat([token_logps(model, part)[0] for part in parts])
        self.model.train(training)
        return logps

    def _attempt_log_ratios(self, batches: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        """log π(y_t) − log π_ref(y_t) of every attempt, (B, N)."""
        rows = []
        for batch in batches:
            difference = self._no_grad_logps(batch, reference=False) - batch["ref_logps"]
            rows.append(loss.per_turn_sum(difference, batch["turn"], self.args.num_turns))
        return torch.cat(rows)

    # ---------------------------------------------------------------------------------------- loss
    def _compute_loss(self, model, inputs):
        with self.accelerator.autocast():
            logps, entropy = token_logps(model, inputs)
        in_loss = self.args.kl_estimator == "k2"
        total = loss.policy_loss(
            logps,
            inputs["turn"],
            inputs["advantages"],
            ref_logps=inputs["ref_logps"] if in_loss else None,
            kl_weights=self.kl_weights if in_loss else None,
            old_logps=inputs.get("sampler_logps"),
            ratio_cap=self.args.importance_ratio_cap,
            divisor=divisor(self.reward_deviation, self.args.scale_advantages),
        )
        log_ratio = logps.detach() - inputs["ref_logps"]
        self._sums.add_tokens(log_ratio, entropy.detach(), inputs["turn"], self.args.num_turns)
        if "sampler_logps" in inputs:
            self._sums.add_sampler_gap(logps.detach(), inputs["sampler_logps"], inputs["turn"])
        return total / self.current_gradient_accumulation_steps

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the policy, and beside it what its reference was."""
        super().save_model(output_dir, _internal_call)
        if self.args.should_save:
            folder = output_dir or self.args.output_dir
            write_lineage(folder, self.args.objective, self.reference, self.args.cache_dir)

    # ----------------------------------------------------------------------------------------- log
    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        means = self._sums.means(self.accelerator)
        if means:
            means["reward_deviation"] = self.reward_deviation
        if means and self.args.init_kl_target is not None:
            means["init_kl_coef"] = self.kl_weights[0]
        if "grad_norm" in logs:
            clipped = 0 < self.args.max_grad_norm < logs["grad_norm"]
            means["gradient_clipped"] = float(clipped)
        self.record(means)
        super().log(logs, start_time)

    def record(self, values: dict[str, float]) -> None:
        """Put numbers into the record of the update under way."""
        for name, value in values.items():
            self._metrics["train"][name].append(value)


def _no_reward_function(**kwargs):
    raise AssertionError("rewards are those of turns, worked out in SCoReTrainer._make_batches")
