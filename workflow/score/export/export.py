"""From a policy to its checked folder: sample the original, write, load again, compare, name it."""

import argparse
import gc
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd
import torch

from score.chat.asking import asking_of, held_precision
from score.chat.policy_folder import PolicyFolder, Wanted, find_policy
from score.chat.tried import TriedPolicy
from score.export.card import model_card
from score.export.check import as_evaluated, check_equal, originals
from score.export.folder import CARD, draft_of, save
from score.export.origin import origin_of
from score.export.protocol import definitions, usage
from score.files.atomic import replace_file
from score.files.made_with import POLICY_SETTINGS
from score.files.visible import visible
from score.policies.load import is_adapter
from score.problems.problem import Problem, read_problems
from score.report.run_folder import read_object
from score.sampling.bridge_text import QUESTION


def export(flags: argparse.Namespace, wanted: Wanted) -> None:
    """Write the policy that the flags name to flags.output, or nothing. ValueError where it can't be."""
    folder = find_policy(flags.policy, wanted)
    dtype = wanted.dtype or _stored(folder)
    asking = asking_of(folder, replace(wanted, dtype=dtype))
    problems = _problems(flags, folder)
    print(f"loading {visible(asking.told[0])}, in {dtype}", flush=True)
    tried = TriedPolicy(folder.weights, asking)
    made = originals(tried, problems)
    plan = tried.plan
    plan.settings = replace(asking.sampling, temperature=asking.evaluated_at)  # told of, not asked
    origin = origin_of(folder, wanted.cache_dir)
    origin.base, origin.licence = flags.base_model or origin.base, flags.license or origin.licence
    with draft_of(flags.output) as draft:
        print("writing weights, tokenizer and settings", flush=True)
        save(tried, folder.weights, asking.evaluated_at, draft)
        tried.release()
        gc.collect()
        print(
            f"loading it again, and answering {len(made)} problems by the card's code", flush=True
        )
        trusts = wanted.trust_remote_code
        ties = check_equal(definitions(plan, str(draft), trusts), made, dtype)
        sentence = _checked(made, ties, dtype)
        print(sentence, flush=True)
        if asking.evaluated_at == 0:
            _say_evaluation(folder, made)
        path = flags.push or flags.output.name
        code = definitions(plan, path, trusts) + "\n\n" + usage(plan, _example(folder, problems))
        card = model_card(origin, plan, code, dtype, sentence)
        replace_file(draft / CARD, card.encode())


def _stored(folder: PolicyFolder) -> str:
    """What the policy holds; of an adapter, what it was trained in, as it is merged in that."""
    trained = read_object(Path(folder.weights) / POLICY_SETTINGS).get("precision")
    if is_adapter(folder.weights) and trained is not None:
        return "float32" if trained == "mixed" else trained
    return held_precision(folder.weights)


def _problems(flags: argparse.Namespace, folder: PolicyFolder) -> list[Problem]:
    """Those to check with; a single question of ours where there are none."""
    file = flags.problems or (folder.run and folder.run / "problems" / "test.jsonl")
    if file is None or (flags.problems is None and not Path(file).is_file()):
        return [Problem("a question of ours", QUESTION, "")]
    problems = list(islice(read_problems(file), flags.check))
    if not problems:
        raise ValueError(
            f"{file} has no problems; expected one at least. Name another with --problems."
        )
    return problems


def _example(folder: PolicyFolder, problems: list[Problem]) -> str:
    """A question whose first answer was wrong in the run's evaluation and whose second was right; else
    any of those that were checked."""
    attempts = folder.instance and folder.instance / "test" / "attempts.parquet"
    columns = ["question", "correct_t1", "correct_t2"]
    try:
        frame = pd.read_parquet(attempts, columns=columns) if attempts else pd.DataFrame()
        return frame[~frame["correct_t1"] & frame["correct_t2"]]["question"].iloc[0]
    except (OSError, ValueError, KeyError, IndexError):  # not verified yet, or none was corrected
        return problems[0].question


def _checked(made: list, ties: int, dtype: str) -> str:
    problems = "1 problem" if len(made) == 1 else f"{len(made)} problems"
    tied = f", up to a tie of two tokens in {ties} of them" if ties else ""
    where = "a GPU" if torch.cuda.is_available() else "a CPU"
    return (
        f"Loaded by plain transformers on {where} in {dtype}, it gave the same greedy tokens as the "
        f"original on {problems}{tied}."
    )


def _say_evaluation(folder: PolicyFolder, made: list) -> None:
    sampled = folder.instance and folder.instance / "test" / "sampled.parquet"
    if sampled is None or not sampled.is_file():
        return
    equal, of = as_evaluated(sampled, made)
    if of:
        print(
            f"the run's evaluation sampled the same tokens on {equal} of {of} of them", flush=True
        )
