"""Draw the pictures of the README and of docs/ from results.

    make run && .venv/bin/python docs/images/draw.py results/puzzle
    make real && .venv/bin/python docs/images/draw.py results/puzzle results/smollm2-sums-cpu

correction.svg: the first test puzzle that both policies fail alike in attempt 1, base fails again and
SCoRe solves in attempt 2. result.svg: both accuracies of each policy, with their intervals.
language_model.svg: the same of SmolLM2 on sums after its warm start, from the second folder.
"""

import sys
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

import pandas as pd
from score.report.elements import element
from score.report.pictures import accuracy_picture

HERE = Path(__file__).parent
# A picture has its own paper, since a page may be light where the reader's system is dark.
STYLE = """
svg { --paper: #ffffff; --ink: #1b1f24; --quiet: #57606a; --line: #d0d7de; --box: #f6f8fa;
  --right: #1a6f3c; --wrong: #a3272b; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #14181d; --ink: #e3e7ec; --quiet: #9aa5b1; --line: #38424d; --box: #1c2229;
    --right: #6fcf8e; --wrong: #f28b82; }
}
.paper { fill: var(--paper); stroke: var(--line); }
.box { fill: var(--box); stroke: var(--line); }
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
text.name { font-weight: 600; }
text.big { font-size: 17px; font-weight: 600; }
text.code { font: 14px ui-monospace, monospace; }
text.right { fill: var(--right); font-weight: 600; }
text.wrong { fill: var(--wrong); font-weight: 600; }
.quiet { fill: var(--quiet); }
.grid { stroke: var(--line); }
.interval, .dot { stroke: var(--ink); stroke-width: 1.7; }
.dot.first { fill: var(--paper); }
.dot.second { fill: var(--ink); }
"""
COLUMNS = (116, 332)  # where the attempts of turn 1 and 2 begin
WIDTH, MARGIN = 552, 16


def corrected(base: pd.DataFrame, trained: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The rows of both policies for the puzzle that is drawn; frames of attempts.parquet."""
    both = base.merge(trained, on="problem_id", suffixes=("", "_trained"))
    failed = ~both.correct_t1 & ~both.correct_t2 & (both.attempt_t1 == both.attempt_t1_trained)
    chosen = both[failed & both.correct_t2_trained].problem_id.iloc[0]
    return tuple(frame.set_index("problem_id").loc[chosen] for frame in (base, trained))


def correction_picture(base: pd.Series, trained: pd.Series) -> Element:
    """Both attempts of both policies at one puzzle, from their rows of attempts.parquet."""
    numbers, target = base.question.split(" make ")
    parts = [
        _text(
            f"Which three of {', '.join(numbers.split())} add up to {target}?", MARGIN, 32, "big"
        ),
        _text(f"An attempt begins at {target} and subtracts them one by one.", MARGIN, 54, "quiet"),
        _text("Attempt 1", COLUMNS[0], 88, "quiet"),
        _text("“recheck”, then attempt 2", COLUMNS[1], 88, "quiet"),
    ]
    for name, row, top in (("base policy", base, 98), ("SCoRe", trained, 166)):
        parts.append(_text(name, MARGIN, top + 34, "name"))
        for turn, left in enumerate(COLUMNS, start=1):
            right = bool(row[f"correct_t{turn}"])
            parts += _attempt(row[f"attempt_t{turn}"], right, left, top)
    told = (
        f"A puzzle, {base.question}. Base: {base.attempt_t1}, wrong; then {base.attempt_t2}, wrong. "
        f"SCoRe: {trained.attempt_t1}, wrong; then {trained.attempt_t2}, right."
    )
    return _svg(WIDTH, 244, told, parts)


def _attempt(text: str, right: bool, left: int, top: int) -> list[Element]:
    verdict = "✓ right" if right else "✗ wrong"
    return [
        element("rect", x=left, y=top, width=204, height=58, rx=6, class_="box"),
        _text(text.removeprefix("fix ").removeprefix("ok "), left + 10, top + 24, "code"),
        _text(verdict, left + 10, top + 46, "right" if right else "wrong"),
    ]


def _text(text: str, x: float, y: float, kind: str) -> Element:
    return element("text", text, x=x, y=y, class_=kind)


def _svg(width: float, height: float, told: str, parts: list[Element]) -> Element:
    paper = {"x": 0.5, "y": 0.5, "width": width - 1, "height": height - 1, "rx": 8}
    return element(
        "svg",
        element("title", told),
        element("style", STYLE),
        element("rect", class_="paper", **paper),
        parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        role="img",
    )


def result_picture(results: Path, what: str, base: str = "base") -> Element:
    """The report's figure of accuracies, on a paper of its own, from the policy `base` on.

    what: the test problems are.
    """
    table = pd.read_csv(results / "self_correction.csv")
    rows = table[(table.policy == base).cummax()].to_dict("records")
    drawn = accuracy_picture(rows)
    width, height = (float(value) for value in drawn.get("viewBox").split()[2:])
    for name, value in {"x": MARGIN, "y": 72, "width": width, "height": height}.items():
        drawn.set(name, str(value))
    problems = f"{rows[0]['num_problems']:,}"
    parts = [
        _text(f"Share of {problems} test {what} that are right", MARGIN, 30, "big"),
        element("circle", class_="dot first", cx=MARGIN + 5, cy=49, r=4.5),
        _text("attempt 1", MARGIN + 16, 54, "quiet"),
        element("circle", class_="dot second", cx=MARGIN + 97, cy=49, r=4.5),
        _text("attempt 2, with 95 % intervals", MARGIN + 108, 54, "quiet"),
    ]
    return _svg(width + 2 * MARGIN, height + 80, drawn.get("aria-label"), [*parts, drawn])


def main(puzzle: Path, language_model: Path | None = None) -> None:
    frames = [
        pd.read_parquet(puzzle / name / "test/attempts.parquet") for name in ("base", "score")
    ]
    pictures = {
        "correction": correction_picture(*corrected(*frames)),
        "result": result_picture(puzzle, "puzzles"),
    }
    if language_model is not None:
        pictures["language_model"] = result_picture(language_model, "sums", base="warm")
    for name, picture in pictures.items():
        (HERE / f"{name}.svg").write_text(tostring(picture, encoding="unicode") + "\n", "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
