"""SCoReTrainer: reinforcement learning over several turns on top of TRL.

How it departs from TRL's GRPOTrainer, which it subclasses: a rollout is N attempts in one
conversation; each turn has its own reward, its own leave-one-out baseline and its own KL weight; the
KL is that of whole attempts to a reference that is given and never moves; the order of problems
follows from seed and epoch alone. Inherited: loading of policies and adapters, DeepSpeed, logging,
checkpoints and resuming; vLLM with its weight sync too, of which only what happens here is tested.
Which modules import trl is a contract of `make lint`.
"""

import torch
import trl.kernels.chunked_logprob
import trl.trainer.utils
from accelerate.utils import set_seed
from datasets import Dataset
from transformers.integrations import is_deepspeed_zero3_enabled
from trl import GRPOTrainer

from score.policies.compiling import check_compilable
from score.policies.distribution import leave_out_padding_rows, without_router_loss
from score.policies.lineage import write_lineage
from score.policies.rotary import restore_rotary_frequencies
from score.sampling.generate import stop_ids_of
from score.sampling.prompts import Bridge, RenderedPrompts
from score.sampling.rollout import Rollout
from score.sampling.self_verified import ReadVerdicts
from score.training import loss
from score.training.adaptive_kl import current_weight
from score.training.advantages import in_equal_groups, rank_advantages
from score.training.ahead import SamplesAhead
from score.training.batches import ProblemSampler, Score
from score.training.checkpoints import WholeCheckpoints
from score.training.config import SCoReConfig
from score.training.engine import prepare_engine
from score.training.fused_head import check_fused_head
from score.training.head_tiles import work_in_place
from score.training.judging import begun_by
from score.training.longest_row import check_budget, longest_row
from score.training.methods import METHODS
from score.training.methods.method import Groups
from score.training.micro_batches import PacksByTokens
from score.training.mixed_precision import compute_head_in_float32, hold_frozen_in_bfloat16
from score.training.offline_attempts import OfflineAttempts
from score.training.prefixes import batch_order
from score.training.records import TurnSums
from score.training.reference import WithReference
from score.training.rollout_sets import RolloutSet, SamplesSets
from score.training.sampling import SamplesRollouts
from score.training.sampling_copy import WithSamplingCopy
from score.training.second_opinions import SecondOpinions
from score.training.self_verified import of_attempts_alone
from score.training.shared_prefix import add_shared_prefixes, can_share_prefixes
from score.training.update_loss import ComputesLoss
from score.training.update_records import RecordsUpdates
from score.verifiers.reasoning import VerifierBehind
from score.verifiers.verifier import Verifier


class SCoReTrainer(
    WithReference,
    SamplesRollouts,
    WithSamplingCopy,
    SamplesSets,
    SamplesAhead,
    PacksByTokens,
    ComputesLoss,
    RecordsUpdates,
    WholeCheckpoints,
    GRPOTrainer,
):
    """Train a policy with Stage I (Eq 3), Stage II (Eq 4) or another of the METHODS.

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
            # TRL scores labelled positions alone where it has Triton, and on a CPU all of them.
            trl.trainer.utils._use_triton = lambda device: True
            work_in_place(trl.kernels.chunked_logprob)
        super().__init__(
            model=model,
            reward_funcs=[_no_reward_function],
            args=args,
            train_dataset=train_dataset,
            **kwargs,
        )
        self._prepare_scoring(self.accelerator.unwrap_model(self.model))
        self._shares_prefixes = True
        self._head_is_checked = False
        self.first_attempts = first_attempts
        self.method = METHODS[args.objective]
        self.groups = Groups(args.num_generations, args.corrections_per_attempt)
        begins = train_dataset[0]["prompt"][0]
        system_prompt = begins["content"] if begins["role"] == "system" else None
        self.bridges = tuple(
            Bridge.from_tokenizer(self._tokenizer, message, system_prompt)
            for message in args.between(self.method)
        )
        self.bridge = self.bridges[0]
        self.rendered = RenderedPrompts(self._tokenizer, train_dataset["prompt"])
        between = [len(bridge.ids) for bridge in self.bridges]
        sizes = between, args.num_turns, args.max_completion_length
        longest = longest_row(max(map(len, self.rendered.ids.values())), *sizes)
        check_budget(args.micro_batch_tokens, longest)
        # The template may open a reasoning block before each attempt.
        ours = isinstance(verifier, Verifier)
        self.verifier = VerifierBehind(verifier, self.bridge.opening) if ours else verifier
        self.stop_ids = stop_ids_of(
            self.accelerator.unwrap_model(self.model).generation_config,
            self._tokenizer,
            self.bridge,
        )
        self.read_verdicts = ReadVerdicts(
            self._tokenizer, self.stop_ids, args.reasoning_tags, self.bridge.opening
        )
        self.eos_token_ids = sorted(self.stop_ids)
        if self.use_vllm:
            prepare_engine(self.vllm_generation, self.stop_ids, self.vllm_mode)
            # A colocated engine has seeded this process by its rank alone.
            set_seed(args.seed, device_specific=True)
        self._sums, self.newest_set = TurnSums(), None
        self.second_opinions = SecondOpinions(self.verifier, args.second_opinions)
        self.holds = any(self._kl_weights(args.num_turns))
        self._prepare_reference(reference)

    def _prepare_scoring(self, model) -> None:
        """Sampling and scoring are of the tokenizer's tokens; vLLM's engine has its own weights."""
        below = model.get_base_model() if hasattr(model, "peft_config") else model
        if is_deepspeed_zero3_enabled():
            restore_rotary_frequencies(model)  # of one that TRL has loaded by its path
        if self.mixed:
            compute_head_in_float32(below, self.temperature)
            hold_frozen_in_bfloat16(model)
        add_shared_prefixes(below)
        without_router_loss(model)
        if not self.use_vllm:
            leave_out_padding_rows(model, self._tokenizer)
        if self.args.compile_decoding:
            check_compilable(model)

    @property
    def mixed(self) -> bool:
        """Whether float32 weights are trained with products in bfloat16."""
        weights = self.accelerator.unwrap_model(self.model).get_input_embeddings().weight
        return self.args.bf16 and not self.is_deepspeed_enabled and weights.dtype == torch.float32

    # ------------------------------------------------------------------------------------ rollouts
    def _get_train_sampler(self, dataset=None):
        size = len(self.train_dataset if dataset is None else dataset)
        problems = self.args.generation_batch_size // self.num_generations
        phases = self.method.phases
        updates = self.args.mini_batches * phases
        return ProblemSampler(
            size,
            problems,
            k=self.num_generations,
            steps=self.args.steps_per_generation * phases,
            seed=self.args.seed,
            epoch=lambda: self.state.global_step // (size // problems * updates),
        )

    def _prepare_inputs(self, inputs):
        """Micro-batch of this step: of a fresh set of rollouts, or of one whose updates go on.

        With micro_batch_tokens the step is a whole update, and has a list of them.
        """
        step = self._step % self.args.steps_per_generation
        if step == 0 or self._buffered_inputs is None:
            self._buffered_inputs = self._make_batches(inputs)
        if step % self.args.gradient_accumulation_steps == 0:
            self._tell_of_update(step // self.args.gradient_accumulation_steps)
        return self._buffered_inputs[step]

    def _make_batches(self, problems: list[dict]) -> list[dict[str, torch.Tensor]]:
        """One generation batch of problems -> micro-batches of rollouts with advantages."""
        if not self._head_is_checked:
            with self.accelerator.autocast():
                check_fused_head(self.model, self.temperature)
                shares = self._shares_prefixes and can_share_prefixes(
                    self.model, self.accelerator.print
                )
                self._shares_prefixes = shares
            self._head_is_checked = True
        with begun_by(self.verifier) as self._grading:
            return self._batches_of(self._sample_set(problems))

    def _batches_of(self, drawn: RolloutSet) -> list[dict[str, torch.Tensor]]:
        """Micro-batches of a set of rollouts; verdicts on it are awaited once its passes are done."""
        rollouts, given = drawn.rollouts, drawn.given
        self.newest_set = self.state.global_step + 1, drawn  # for callbacks that show it
        self.turns = len(rollouts[0].attempts)
        self.kl_weights = self._kl_weights(self.turns)
        self._count_tokens(drawn.tokens, drawn.rounds)
        each = len(rollouts) // self.args.mini_batches
        starts = range(0, len(rollouts), each)
        order = [s + i for s in starts for i in self._order(rollouts[s : s + each])]
        rollouts = [rollouts[i] for i in order]
        offline = None if given is None else [given[i] is not None for i in order]
        updates = [self._padded(rollouts, offline, start, each) for start in starts]
        batches = [batch for update in updates for batch in update]
        in_rewards = self.holds and self.args.kl_estimator == "k1"
        log_ratios = self._attempt_log_ratios(batches) if in_rewards else None
        self._ask_second_opinions(drawn)
        scores = drawn.scored.scores[order].to(self.accelerator.device)
        stated = [drawn.scored.stated[i] for i in order]
        right = [[name == "correct" for name in drawn.scored.verdicts[i]] for i in order]
        method = self.method
        rewards = method.earned(scores, self.args, stated)
        rank = self.accelerator.process_index
        equal = in_equal_groups(rewards, order, self.groups, rank, offline)
        if log_ratios is not None:
            rewards = loss.charge_kl(rewards, log_ratios, self.kl_weights)
        advantages, self.reward_deviation = rank_advantages(
            rewards, order, self.groups, rank, offline, of=method.advantages, roles=method.roles
        )
        for batch in batches:
            batch["advantages"] = advantages[batch["rollout"]]
        self._sampled = rollouts, scores, right, stated, equal, offline
        return batches if self.args.micro_batch_tokens is None else updates

    def _ask_second_opinions(self, drawn: RolloutSet) -> None:
        scored = of_attempts_alone(drawn.scored) if self.method.verifies else drawn.scored
        opinions = self.second_opinions.ask(self.state.global_step + 1, drawn.problems, scored)
        self._sums.add_second_opinions(opinions)

    def _order(self, rollouts: list[Rollout]) -> list[int]:
        size = self.args.per_device_train_batch_size
        return batch_order(rollouts, size, self._shares_prefixes)

    def _padded(
        self, rollouts: list[Rollout], offline: list[bool] | None, start: int, count: int
    ) -> list[dict[str, torch.Tensor]]:
        """The micro-batches of an update, `count` of a set's rollouts from `start` on."""
        part = slice(start, start + count)
        batches = self._micro_batches(rollouts[part], None if offline is None else offline[part])
        mean_tokens = self._mean_tokens(batches, count)
        for batch in batches:
            batch["rollout"] += start
            batch["mean_tokens"] = mean_tokens
            if self.holds:
                batch["ref_logps"] = self._no_grad_logps(batch, reference=True)
            if start:  # until the first update of a set the policy is the one that sampled it
                batch["old_logps"] = self._no_grad_logps(batch, reference=False)
        return batches

    def _mean_tokens(self, update: list[dict], rollouts: int) -> float:
        """Tokens of a rollout that are trained, as a mean over all ranks' rollouts of an update."""
        tokens = sum(int((batch["turn"] > 0).sum()) for batch in update)
        return self._over_ranks(tokens) / (rollouts * self.accelerator.num_processes)

    def _kl_weights(self, turns: int) -> list[float]:
        """β_t of the coming update, N values."""
        args = self.args
        init = current_weight(self.state.log_history, args.init_kl_coef, args.init_kl_target)
        return self.method.kl_weights(turns, init, args.corr_kl_coef)

    def _plain_model(self):
        """The policy below what wraps it for several ranks, where a pass is a matter of one rank."""
        return self.accelerator.unwrap_model(self.model)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the policy, and beside it what its reference was."""
        super().save_model(output_dir, _internal_call)
        if self.args.should_save:
            folder = output_dir or self.args.output_dir
            write_lineage(folder, self.args.objective, self.reference, self.args.cache_dir)


def _no_reward_function(**kwargs):
    raise AssertionError("rewards are those of turns, worked out in SCoReTrainer._make_batches")
