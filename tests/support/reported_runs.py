"""Runs made by hand for the tests of their report, with texts of every kind."""

import json

import pandas as pd

HOSTILE = {
    "script": "<script>window.spoiled = 1</script><img src=x onerror='window.spoiled = 2'>",
    "broken tag": "</script><!-- <b unclosed <![CDATA[ ]]> </body></html> &lt;b&gt; &#60;i&#62;",
    "bidi": "user\u202e gnp.exe \u2066isolated\u2069 left\u200eright\u200f",
    "separators": "line\u2028separator\u2029paragraph\x00nul\x1bescape\ufeff",
    "formula": "$\\href{javascript:window.spoiled=3}{x}$ and $\\style{color:red}{y}$ $\\frac{1}{$",
}
LONG = "a long attempt " * 7000  # 105 kB
PROBLEMS = (
    # question, level, then attempt 1 and whether it is right, attempt 2 and whether it is right
    (
        "What is $\\frac{1}{2} + \\frac{1}{3}$?",
        "1",
        ("It is $\\frac{2}{5}$, so \\boxed{\\frac{2}{5}}.", False),
        ("I added wrongly. It is $\\frac{5}{6}$, so \\boxed{\\frac{5}{6}}.", True),
    ),
    (
        "Write a function that adds one.",
        "2",
        ("```python\ndef add(x):\n    return x + 1  # one\n```", True),
        ("```python\ndef add(x):\n    return x + 2  # one\n```", False),
    ),
    *(
        (f"Say {name}.", "10", (text, False), (f"{text} again", False))
        for name, text in HOSTILE.items()
    ),
    ("Say a lot.", "10", (LONG, True), (f"{LONG}more", True)),
    ("A price of $5 and of $6?", "1", ("It costs $5, or $6.", True), ("", False)),
)


def attempts_frame(shift=0):
    """Verified attempts at PROBLEMS; shift: how many first attempts count as right whatever they are."""
    rows = []
    for number, (question, level, *attempts) in enumerate(PROBLEMS):
        row = {"problem_id": f"p{number}", "question": question, "level": level}
        row |= {"answer": json.dumps("\\frac{5}{6}" if number == 0 else "an answer"), "sample": 0}
        for turn, (text, right) in enumerate(attempts, start=1):
            right = right or number < shift
            row |= {
                f"attempt_t{turn}": text,
                f"correct_t{turn}": right,
                f"verdict_t{turn}": "correct" if right else "incorrect",
                f"extracted_t{turn}": text[-12:] or None,
                f"tokens_t{turn}": len(text) // 4,
                f"truncated_t{turn}": len(text) > 100_000,
                f"second_opinion_t{turn}": not right if number == 1 else None,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def write_attempts(run, instance, frame):
    folder = run / instance / "test"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "attempts.parquet", index=False)


TABLE = """policy,num_problems,{rates},seeds
base,9,0.33,0.2,0.4,0.33,0.2,0.4,0.0,-0.1,0.1,0.1,0.0,0.2,0.1,0.0,0.2,1
score,9,0.33,0.2,0.4,0.44,0.3,0.5,0.11,{low},{high},0.2,0.1,0.3,0.1,0.0,0.2,1
"""
RATES = ("accuracy_t1", "accuracy_t2", "delta", "incorrect_to_correct", "correct_to_incorrect")
CONFIG = {
    "run_name": "by hand",
    "model_path": "some/base",
    "problems": {"data_path": "some/problems"},
    "policies": {"score": {"init": "base", "objective": "stage_two"}},
}


def write_table(run, low=0.05, high=0.2):
    columns = ",".join(f"{rate}{end}" for rate in RATES for end in ("", "_low", "_high"))
    text = TABLE.format(rates=columns, low=low, high=high)
    (run / "self_correction.csv").write_text(text)
    page = "| policy | Δ |\n| --- | --- |\n| score | +11.0 [+5.0, +20.0] |\n\nHow to read <it>.\n"
    (run / "self_correction.md").write_text(page)


def write_run(run):
    """A whole run of two policies in a folder."""
    run.mkdir(parents=True, exist_ok=True)
    write_table(run)
    write_attempts(run, "base", attempts_frame(shift=1))
    write_attempts(run, "score", attempts_frame())
    description = {"config": CONFIG, "instances": ["base", "score"], "analyses": ["invented"]}
    (run / "run.json").write_text(json.dumps(description))
    (run / "analyses").mkdir()
    (run / "analyses/invented.csv").write_text("arm,value\nscore,<b>1</b>\n")
    (run / "figures").mkdir()
    (run / "figures/invented.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>spoiled=4</script></svg>'
    )
    (run / "figures/invented_again.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (run / "analyses/invented.md").write_text("| arm |\n| --- |\n| its own page |\n")
    (run / "problems").mkdir()
    (run / "problems/test.jsonl").write_text("{}\n")
    card = {"splits": {"train": 1024}, "sources": [{"path": "some/problems", "sha256": "ab"}]}
    (run / "problems/data_card.json").write_text(json.dumps(card))
    (run / "score/policy").mkdir()
    (run / "score/policy/model.safetensors").write_bytes(b"weights")
    return run
