"""How the verifiers do on every labelled text and every reference solution.

    python benchmarks/labelled_suites.py DATA [--workers 2]

DATA is the folder of the real data: labelled/, math/, humaneval/ and mbpp/. A suite that is not
there is skipped. Prints one line a suite and names each row that differs, then how many problems of
MATH are paid for copying the last formula of their question, and which. Takes a minute or two, most of
it for the programs.
"""

import argparse
import gzip
import json
from pathlib import Path

from score.tasks import code, math
from score.tasks._restating import formulas
from score.verifiers.verifier import Verifier


def rows(path: Path) -> list[dict]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return json.load(lines) if path.suffix == ".json" else [json.loads(line) for line in lines]


def gsm8k(path: Path) -> list[tuple]:
    """(name, attempt, gold, label) of each model solution."""
    return [
        (f"{number}/{name}", one["solution"], row["ground_truth"].rpartition("A: ")[2].strip(), one)
        for number, row in enumerate(rows(path))
        for name, one in row.items()
        if isinstance(one, dict)
    ]


def report(title: str, cases: list[tuple], verifier: Verifier) -> None:
    """cases: (name, attempt, gold, whether it is right)."""
    with verifier:
        verdicts = verifier([case[1] for case in cases], [case[2] for case in cases])
    differing = [
        f"{name} ({verdict.verdict})"
        for (name, _, _, label), verdict in zip(cases, verdicts, strict=True)
        if verdict.correct != label
    ]
    print(f"{title}: {len(cases) - len(differing)} of {len(cases)}", flush=True)
    for name in differing:
        print(f"    differs: {name}")


def math_suites(data: Path) -> None:
    path = data / "labelled" / "gsm8k_model_solutions.jsonl"
    if path.exists():
        cases = [(name, text, gold, one["is_correct"]) for name, text, gold, one in gsm8k(path)]
        report("GSM8K model solutions", cases, Verifier("math", None, "final", "A:"))
        cut = [(n, t[: t.rindex("A:")], gold, False) for n, t, gold, label in cases if label]
        report("the right ones cut before the marker", cut, Verifier("math", None, "final", "A:"))
    path = data / "labelled" / "qwen_math_cot_100.jsonl"
    if path.exists():
        cases = [
            (f"{row['idx']}/{i}", text, row["gt"], row["score"][i])
            for row in rows(path)
            for i, text in enumerate(row["code"])
        ]
        report("long MATH solutions", cases, Verifier("math"))
        cut = [(n, t[: t.index("\\boxed")], gold, False) for n, t, gold, label in cases if label]
        report("the right ones cut before the box", cut, Verifier("math"))
    golds = [row for part in ("a", "b") for row in math_rows(data / "math" / f"part_{part}.jsonl")]
    for title, stated in (("box", "\\boxed{{{}}}"), ("marker", f"{math.MARKER} ${{}}$.")):
        cases = [(r["unique_id"], stated.format(r["answer"]), r["answer"], True) for r in golds]
        if cases:
            report(f"MATH golds, {title}", cases, Verifier("math"))


def copied_questions(data: Path) -> None:
    """How many problems are paid where the attempt repeats the question's last formula."""
    problems = [row for p in "ab" for row in math_rows(data / "math" / f"part_{p}.jsonl")]
    copied = [(row, formulas(row["problem"])[-1:]) for row in problems]
    copied = [(row, formula[0]) for row, formula in copied if formula]
    if not copied:
        return
    attempts = [f"{math.MARKER} ${formula}$. I hope it is correct." for _, formula in copied]
    answers = [row["answer"] for row, _ in copied]
    questions = [row["problem"] for row, _ in copied]
    verifier = Verifier("math")
    aware = verifier(attempts, answers, questions=questions)
    unaware = verifier(attempts, answers)
    print(
        f"MATH, the question's last formula copied: {sum(v.correct for v in aware)} of "
        f"{len(problems)} paid, {sum(v.correct for v in unaware)} without a look at the question"
    )
    for (row, formula), verdict in zip(copied, aware, strict=True):
        if verdict.correct:
            print(f"    paid: {row['unique_id']}, {formula} for {row['answer']}")


def math_rows(path: Path) -> list[dict]:
    return rows(path) if path.exists() else []


def code_suites(data: Path, workers: int) -> None:
    for name in ("humaneval/HumanEval.jsonl.gz", "mbpp/sanitized-mbpp.json", "mbpp/mbpp.jsonl"):
        if (data / name).exists():
            chosen = rows(data / name)
            golds = [code.parse_gold(code.gold_from_row(row)) for row in chosen]
            cases = [
                (str(row["task_id"]), code.state(gold, code.MARKER), gold, True)
                for row, gold in zip(chosen, golds, strict=True)
            ]
            report(
                f"reference programs, {name}", cases, Verifier("code", deadline=30, workers=workers)
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="programs at a time")
    flags = parser.parse_args()
    math_suites(flags.data)
    copied_questions(flags.data)
    code_suites(flags.data, flags.workers)


if __name__ == "__main__":
    main()
