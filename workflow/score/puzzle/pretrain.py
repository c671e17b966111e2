"""Make the embedded default: the puzzle problems and the tiny base policy that attempts them.

    python -m score.jobs.launch --config configs/accelerate/cpu.yaml --processes 1 \\
        -m score.puzzle.pretrain --problems results/puzzle_base/problems \\
        --policy results/puzzle_base/policy

A three-layer Llama of about 170,000 parameters imitates the transcripts of a noisy solver. What
reinforcement learning then starts from are first attempts that are often wrong, and second attempts
that are no better.
"""

import itertools
import json
import random
from pathlib import Path

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from score.files.atomic import make_readable
from score.jobs.command import Command, optional
from score.jobs.distributed import join_launcher, require_deepspeed
from score.puzzle.puzzles import (
    NoisySolver,
    attempt,
    canonical,
    draw_problems,
    question,
    solutions,
    transcript,
    vocabulary,
)

COMMAND = Command(__spec__, __doc__)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'user' %}{{ message.content }} : "
    "{% else %}{{ message.content }} <end> {% endif %}"
    "{% endfor %}"
)
SIZES = {"train": 10_000, "test": 5000}


def make_tokenizer() -> PreTrainedTokenizerFast:
    words = vocabulary()
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token="<unk>",
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def make_policy(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def make_corpus(tokenizer: PreTrainedTokenizerFast, rows: int, seed: int, habit: float) -> Dataset:
    """`rows` transcripts as token ids; only the two attempts are labelled, (rows, 25) each."""
    rng = random.Random(f"pretrain {seed}")
    solver = NoisySolver(rng)
    solver.habit = habit
    puzzles = itertools.islice(draw_problems("pretrain", rng), rows)
    texts = [
        tokenizer.apply_chat_template(transcript(*puzzle, solver), tokenize=False)
        for puzzle in puzzles
    ]
    input_ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    colon, end = tokenizer.convert_tokens_to_ids([":", "<end>"])
    labels = []
    for row in input_ids:
        in_attempt, label = False, []
        for token in row:
            label.append(token if in_attempt else -100)
            in_attempt = token == colon or (in_attempt and token != end)
        labels.append(label)
    return Dataset.from_dict({"input_ids": input_ids, "labels": labels})


def write_problems(directory: Path) -> None:
    """One JSON Lines file a split; each split draws from its own share of all puzzles."""
    directory.mkdir(parents=True, exist_ok=True)
    for split, size in SIZES.items():
        rng = random.Random(f"problems {split}")
        solver = NoisySolver(rng)
        solver.habit, solver.careful = 0.0, 1.0
        lines: dict[str, str] = {}  # by identity of the puzzle
        for numbers, target in draw_problems(split, rng):
            if canonical(numbers, target) not in lines:
                text = question(numbers, target)
                row = {
                    "id": f"{split}-{len(lines):05d}",
                    "question": text,
                    "answer": f"{text} : {attempt(solver.solve(numbers, target), target)}",
                    "level": str(len(solutions(numbers, target))),
                }
                lines[canonical(numbers, target)] = json.dumps(row)
            if len(lines) == size:
                break
        (directory / f"{split}.jsonl").write_text("\n".join(lines.values()) + "\n")


def main() -> None:
    flags = COMMAND.flags(
        problems="folder for the problem files",
        policy="folder for the base policy",
        steps=optional("updates", type=int, default=1600),
        seed=optional("of policy, data and order", type=int, default=0),
        habit=optional("of the solver", type=float, default=NoisySolver.habit),
    )
    join_launcher()
    write_problems(Path(flags.problems))
    tokenizer = make_tokenizer()
    batch = 128
    trainer = Trainer(
        model=make_policy(tokenizer, flags.seed),
        args=TrainingArguments(
            output_dir=flags.policy,
            max_steps=flags.steps,
            per_device_train_batch_size=batch,
            learning_rate=4e-3,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.03},
            warmup_steps=100,
            adam_beta2=0.98,
            weight_decay=0.01,
            bf16=False,
            use_cpu=not torch.cuda.is_available(),
            seed=flags.seed,
            save_strategy="no",
            logging_steps=100,
            report_to="none",
        ),
        train_dataset=make_corpus(tokenizer, flags.steps * batch, flags.seed, flags.habit),
    )
    require_deepspeed(trainer.accelerator)
    trainer.train()
    trainer.save_model(flags.policy)
    tokenizer.save_pretrained(flags.policy)
    make_readable(Path(flags.policy))


if __name__ == "__main__":
    COMMAND.run(main)
