"""Supervised fine-tuning on corrections: CorrectionConfig and CorrectionTrainer, on top of TRL.

How it departs from TRL's SFTTrainer, which it subclasses: examples come as the token ids that were
sampled, and nothing is tokenised or cut; the examples of all updates are laid out before training
starts, as a function of the seed alone. Inherited: the loss, DeepSpeed, adapters, logging.

The loss of an update is −Σ log π(token | all before it) / n, over the n correction tokens of all its
examples on all processes, end-of-turn tokens included: every token counts alike, so a long correction
weighs more than a short one. Tokens of the prompt, of attempt 1 and of the message between the
attempts are context and have no loss.
"""

import time
from dataclasses import dataclass, field

import torch
import trl.trainer.utils
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from score.fine_tuning.examples import Example
from score.training.batches import IGNORED, whole_order
from score.training.checkpoints import WholeCheckpoints


@dataclass
class CorrectionConfig(SFTConfig):
    """SFTConfig for examples of token ids. An update covers per_device_train_batch_size ×
    gradient_accumulation_steps × processes examples, and there are `max_steps` of them."""

    max_length: int | None = field(default=None, metadata={"help": "nothing is cut"})
    train_sampling_strategy: str = field(
        default="sequential", metadata={"help": "examples are laid out in the order of training"}
    )
    logging_steps: float = field(default=1, metadata={"help": "updates between two records"})
    router_aux_loss_coef: float | None = field(
        default=0.0, metadata={"help": "the loss is of tokens alone, with experts too"}
    )

    def __post_init__(self):
        self.dataset_kwargs = {"skip_prepare_dataset": True}
        super().__post_init__()
        if self.max_steps < 1:
            raise ValueError(f"max_steps is {self.max_steps}; expected 1 or more. Name it.")


class CorrectionTrainer(WholeCheckpoints, SFTTrainer):
    """Fine-tune a policy on examples, with loss on their correction tokens alone.

    model: a path, hub name, PreTrainedModel or PeftModel. Fewer examples than an update covers are
    repeated. Recorded beside the loss are entropy and mean_token_accuracy of the correction tokens,
    as means over micro-batches.
    """

    _tag_names = ("trl", "score")
    _name = "SCoRe"

    def __init__(self, model, args: CorrectionConfig, examples: list[Example], **kwargs):
        if not torch.cuda.is_available():
            # TRL's tiles of the LM head fit a GPU; these fit a CPU's caches (a third faster there).
            trl.trainer.utils._CHUNKED_LOGPROB_CHUNK_SIZE = 4096
        super().__init__(model=model, args=args, train_dataset=laid_out(examples, args), **kwargs)
        # Whatever the policy's forward says: the loss is over all tokens of an update, not a mean
        # of the means of micro-batches.
        self.model_accepts_loss_kwargs = True
        self._epochs = len(self.train_dataset) / len(examples)
        self._seconds = 0.0

    def training_step(self, *args, **kwargs):
        started = time.perf_counter()
        loss = super().training_step(*args, **kwargs)
        self._seconds += time.perf_counter() - started
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        metrics = self._metrics["train"]
        # Counted from the start of this process, so it would tell where training was resumed.
        metrics.pop("num_tokens", None)
        if self._seconds:
            metrics["step_time"].append(self._seconds)
            self._seconds = 0.0
        # Of the examples: the host counts all that is laid out as one epoch.
        self.state.epoch = self._epochs * self.state.global_step / self.state.max_steps
        super().log(logs, start_time)


def laid_out(examples: list[Example], args: CorrectionConfig) -> Dataset:
    """Columns `input_ids` and `labels`, a row for every example of every update, in order.

    Within an update, rows of similar length lie together, so that a micro-batch is padded little.
    """
    batch = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    order = whole_order(len(examples), args.max_steps * batch, args.seed)
    rows = []
    for start in range(0, len(order), batch):
        rows += sorted(order[start : start + batch], key=lambda i: len(examples[i].input_ids))
    columns = [
        {
            "input_ids": example.input_ids,
            "labels": [IGNORED] * example.context + example.input_ids[example.context :],
        }
        for example in examples
    ]
    return Dataset.from_list(columns).select(rows)
