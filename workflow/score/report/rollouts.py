"""Every attempt at every test problem, as columns that the page can open: compressed JSON in base64.

One index holds what is filtered by, for all policies; one part a policy holds its texts, which the page
opens when that policy is looked at.
"""

import base64
import itertools
import json
import zlib
from dataclasses import dataclass, field

import pandas as pd
import pyarrow.parquet as pq

from score.evaluation.metrics import turns_of
from score.jobs.progress import Countdown, draw
from score.report.differences import word_runs
from score.report.pictures import FLOWS
from score.report.run_folder import RunFolder
from score.report.text_pieces import rendered

# Of a rollout's flags; the page has the same ones.
RIGHT_FIRST, RIGHT_SECOND, TRUNCATED, DIFFERS = 1, 2, 4, 8
_PER_TURN = ("attempt", "extracted", "verdict", "correct", "tokens", "truncated", "second_opinion")
_OF_ROLLOUT = ("problem_id", "question", "answer", "level", "sample", "correction")


@dataclass
class Rollouts:
    """What the browser shows.

    index: problems, and for each policy which rollouts it has and their flags. parts: a policy's texts,
    packed, in the order of index["policies"]. flows: instance -> rollouts of each of FLOWS. unread: a
    sentence for each file that could not be read.
    """

    index: dict
    parts: list[str] = field(default_factory=list)
    flows: dict[str, dict] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def read_rollouts(run: RunFolder) -> Rollouts:
    """The attempts of all policies at the test problems; policies without any are left out."""
    problems: dict[str, list] = {"id": [], "question": [], "answer": [], "level": []}
    found = Rollouts({"problems": problems, "policies": []})
    places: dict[str, int] = {}
    progress, instances = Countdown("read", "policies"), run.instances()
    for number, instance in enumerate(instances):
        progress(number, len(instances))
        path = run.attempts(instance)
        if not path.is_file():
            continue
        try:
            frame, turns = _frame(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            found.unread.append(f"{path}: {error}")
            continue
        rows = frame.drop_duplicates("problem_id").to_dict("records")
        for row in rows:
            if row["problem_id"] not in places:
                places[row["problem_id"]] = len(places)
                _add_problem(problems, row)
        correct = [frame[f"correct_t{turn}"].to_numpy(bool) for turn in turns]
        found.flows[instance] = _flows(correct[0], correct[1])
        found.index["policies"].append(
            {
                "name": instance,
                "problem": [places[name] for name in frame["problem_id"]],
                "sample": _samples(frame),
                "flags": _flags(frame, turns).tolist(),
            }
        )
        found.parts.append(pack(_texts(frame, turns)))
    draw("rendering the formulas and code of the problems")
    found.index |= rendered(problems["question"], problems["answer"])
    return found


def _frame(path) -> tuple[pd.DataFrame, list[int]]:
    present = pq.read_schema(path).names
    turns = turns_of(present)
    wanted = [*_OF_ROLLOUT, *(f"{column}_t{turn}" for column in _PER_TURN for turn in turns)]
    frame = pd.read_parquet(path, columns=[name for name in wanted if name in present])
    needed = ["problem_id", *(f"correct_t{turn}" for turn in turns)]
    if missing := [name for name in needed if name not in frame]:
        raise ValueError(f"columns {missing} are missing. Verify these attempts again.")
    return frame.assign(problem_id=frame["problem_id"].astype(str)), turns


def _add_problem(problems: dict[str, list], row: dict) -> None:
    problems["id"].append(row["problem_id"])
    problems["question"].append(_text(row.get("question")))
    problems["answer"].append(_reference(row.get("answer")))
    level = row.get("level")
    problems["level"].append(None if level is None or level != level else str(level))


def _reference(answer) -> str:
    """The reference answer for people: a text without its JSON quotes, anything else as JSON."""
    text = _text(answer)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _samples(frame: pd.DataFrame) -> list[str] | None:
    """Which of a problem's rollouts each is, `3` or `3.1` with corrections; None where there is one."""
    if not frame["problem_id"].duplicated().any():
        return None
    samples = frame["sample"] if "sample" in frame else frame.groupby("problem_id").cumcount()
    labels = [str(int(sample)) for sample in samples]
    if "correction" in frame and frame["correction"].any():
        labels = [f"{a}.{int(b)}" for a, b in zip(labels, frame["correction"], strict=True)]
    return labels


def _flags(frame: pd.DataFrame, turns: list[int]):
    flags = RIGHT_FIRST * frame["correct_t1"].astype(int)
    flags += RIGHT_SECOND * frame["correct_t2"].astype(int)
    cut = [frame[f"truncated_t{t}"].astype(bool) for t in turns if f"truncated_t{t}" in frame]
    differs = [
        _differs(frame[f"second_opinion_t{t}"], frame[f"correct_t{t}"])
        for t in turns
        if f"second_opinion_t{t}" in frame
    ]
    for flag, columns in ((TRUNCATED, cut), (DIFFERS, differs)):
        if columns:
            flags += flag * pd.concat(columns, axis=1).any(axis=1).astype(int)
    return flags


def _differs(opinions: pd.Series, correct: pd.Series) -> pd.Series:
    """Where the second opinion is another than the verdict; no opinion does not differ."""
    return (opinions.astype("boolean") != correct.astype(bool)).fillna(False).astype(bool)


def _flows(first, second) -> dict[tuple[str, str], int]:
    words = ("wrong", "right")
    counts = dict.fromkeys(FLOWS, 0)
    for a in (0, 1):
        for b in (0, 1):
            counts[words[a], words[b]] = int(((first == a) & (second == b)).sum())
    return counts


def _texts(frame: pd.DataFrame, turns: list[int]) -> dict:
    """A policy's part: lists by turn and rollout, word differences, and how formulas and code look."""
    part: dict = {name: [] for name in _PER_TURN if name != "correct"}
    for name in part:
        for turn in turns:
            column = frame.get(f"{name}_t{turn}")
            part[name].append(None if column is None else [_plain(value) for value in column])
    part["correct"] = [frame[f"correct_t{turn}"].astype(int).tolist() for turn in turns]
    texts = [[_text(value) for value in column or []] for column in part["attempt"]]
    part["attempt"] = texts
    part["changes"] = [
        [word_runs(*pair) for pair in zip(before, after, strict=True)]
        for before, after in itertools.pairwise(texts)
    ]
    stated = [str(answer) for column in part["extracted"] for answer in column or [] if answer]
    return part | rendered(itertools.chain(*texts), stated)


def _plain(value):
    """A cell as JSON has it."""
    if value is None or value is pd.NA or value != value:
        return None
    return value.item() if hasattr(value, "item") else value


def _text(value) -> str:
    value = _plain(value)
    return "" if value is None else str(value)


def pack(value) -> str:
    """A value as JSON, compressed (zlib, which DecompressionStream calls deflate), in base64.

    JSON is ASCII, so that NUL, lone surrogates and line separators come through as they are.
    """
    text = json.dumps(value, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")
