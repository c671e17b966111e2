"""Policies as a training leaves them, for tests that try them, and their attempts in evaluation."""

import dataclasses
import json
import shutil
from pathlib import Path

import torch
from base_policies import save_policy
from score.export.__main__ import main
from score.files.made_with import POLICY_SETTINGS
from score.problems.problem import Problem, write_problems
from score.sampling.prompt_settings import PromptSettings
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.settings import SampleSettings
from templates import prints_the_date
from thinking import thinking_policy

PUZZLE = "data/puzzle/policy"
PUZZLES = ["9 7 3 18 15 2 make 27", "14 5 19 18 1 12 make 34", "4 7 19 13 18 3 make 26"]


def mark(folder: Path, task: str, **stated) -> str:
    """Write the settings of a training into a policy's folder; its path."""
    settings = {
        **dataclasses.asdict(PromptSettings()),
        "objective": "stage_two",
        "task_type": task,
        "num_turns": 2,
        "max_tokens": 10,
        "temperature": 1.0,
        "precision": "float32",
        "evaluator_function": None,
        "evaluator_mode": "default",
        "evaluator_answer_marker": None,
        **stated,
    }
    (Path(folder) / POLICY_SETTINGS).write_text(json.dumps(settings))
    return str(folder)


def puzzle_policy(folder: Path, **stated) -> str:
    shutil.copytree(PUZZLE, folder)
    return mark(folder, "puzzle", **stated)


def puzzle_adapter(folder: Path, **stated) -> str:
    """A LoRA adapter of random weights on the puzzles' base policy."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(PUZZLE)
    base.config._name_or_path = str(Path(PUZZLE).resolve())
    adapter = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear"))
    for name, weight in adapter.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    adapter.save_pretrained(folder)
    told = json.loads((folder / "adapter_config.json").read_text())
    told["base_model_name_or_path"] = str(Path(PUZZLE).resolve())
    (folder / "adapter_config.json").write_text(json.dumps(told))
    AutoTokenizer.from_pretrained(PUZZLE).save_pretrained(folder)
    return mark(folder, "puzzle", **stated)


def plain_policy(folder: Path, **more) -> str:
    """A base policy that is asked in plain text, with a stop string and prompts of its own."""
    save_policy(folder)
    stated = {"prompt_format": "plain", "stop_strings": ["e", "\n\nQuestion:"], "max_tokens": 60}
    stated |= {"correction_prompt": "Is there an error?", "system_prompt": "Be brief."}
    return mark(folder, "math", **stated | more)


def stripping_policy(folder: Path) -> str:
    """A policy that thinks, and does not see its reasoning in later turns."""
    thinking_policy(folder)
    return mark(folder, "math", history_thinking="strip", max_tokens=60)


def greedily(path: str, questions: list[str], few_shot=(), **stated) -> list[dict]:
    """Rows of evaluation's greedy attempts at the questions, in one batch."""
    told = json.loads((Path(path) / POLICY_SETTINGS).read_text()) | stated
    settings = SampleSettings.from_config(
        told, random_seed=0, temperature=0.0, samples=1, batch_size=16, trust_remote_code=False
    )
    problems = [Problem(str(i), question, "") for i, question in enumerate(questions)]
    plan = SamplingPlan(settings, path, problems, list(few_shot))
    return sample_policy(plan, Path(path) / "shards")


def dated_policy(folder: Path) -> str:
    """A policy whose chat template prints the date and reads a variable."""
    thinking_policy(folder)
    template = Path(folder) / "chat_template.jinja"
    template.write_text(prints_the_date(template.read_text()))
    variables = {"chat_template_kwargs": {"enable_thinking": False}}
    return mark(folder, "math", max_tokens=40, template_date="2021-03-04", **variables)


def problems_file(place: Path, questions: list[str]) -> str:
    write_problems(place, [Problem(str(i), text, "1") for i, text in enumerate(questions)])
    return str(place)


def exported(path: str, output: Path, questions: list[str], *flags: str) -> str:
    """The card of an export of the policy at `path`."""
    problems = problems_file(output.parent / "asked.jsonl", questions)
    main(["--policy", path, "--output", str(output), "--problems", problems, *flags])
    return (output / "README.md").read_text()
