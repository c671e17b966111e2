"""Figures: medians of ratios taken round by round, judged by their targets, in a table."""

import gc
import json
import re

import pytest
from places import ROOT
from score.benchmarks import measured
from score.benchmarks.clock import by_turns
from score.benchmarks.figures import Target, figure, ratio
from score.benchmarks.parts import allotted
from score.benchmarks.scaling import exponent
from score.benchmarks.startup import commands
from score.benchmarks.table import table, table_of_targets
from score.benchmarks.verdicts import warm_verifiers, with_verifiers, written


def test_rounds_go_through_all_calls_and_every_second_one_backwards():
    order = []

    def call(name):
        return lambda: order.append(name) or {"seconds": float(len(order)), "cpu_seconds": 1.0}

    taken = by_turns({name: call(name) for name in "abc"}, rounds=2, warm_up=1)
    assert "".join(order) == "cba" + "abc" + "cba"
    assert [one["seconds"] for one in taken["a"]] == [4.0, 9.0]  # without the warm-up


def test_rounds_end_where_one_more_would_not_fit_and_the_first_is_taken_in_any_case():
    seconds = iter([0.0, 0.0])  # asked before the second round and before the third

    def call():
        return {"seconds": 1.0, "cpu_seconds": 1.0}

    assert len(by_turns({"a": call}, 5, 0, left=lambda: next(seconds, -1.0))["a"]) < 5
    assert len(by_turns({"a": call}, 5, 0, left=lambda: -1.0)["a"]) == 1
    assert len(by_turns({"a": call}, 5, 0, left=lambda: 60.0)["a"]) == 5
    assert not gc.get_freeze_count()


@pytest.mark.parametrize(
    "needs, left, seconds",
    [
        ([10, 30], 20, 5),  # too few for all: the same share for each
        ([10, 30], 60, 30),  # what the others do not need is there for the first
        ([10], 7, 7),
        ([0, 0], 7, 7),
        ([10, 30], -1, 0),
    ],
)
def test_first_of_several_gets_its_share_and_no_other_falls_below_its_own(needs, left, seconds):
    assert allotted(needs, left) == seconds


def test_measurement_without_time_is_skipped_and_those_behind_it_are_taken(tmp_path):
    kept = measured.Measured(tmp_path / "x.json", "cpu", 20)
    kept.take_all(
        [
            measured.Wanted("long", lambda left: {"left": left()}, 1000.0),
            measured.Wanted("short", lambda left: {"left": left()}, 0.0),
        ]
    )
    told = json.loads((tmp_path / "x.json").read_text())["measurements"]
    assert told["long"] == {"skipped": "20 s are left for it, and it takes 1000."}
    assert 19 < told["short"]["left"] <= 20


def test_ratio_is_the_median_of_the_rounds_and_not_of_what_each_side_took():
    one = [{"seconds": s, "cpu_seconds": 2.0} for s in (1.0, 10.0, 3.0)]
    other = [{"seconds": s, "cpu_seconds": 4.0} for s in (2.0, 5.0, 1.0)]
    found = ratio(one, other, Target(most=1.5))
    assert (found["value"], found["value_low"], found["value_high"]) == (2.0, 0.5, 3.0)
    assert found["by_cpu_time"] == 0.5 and found["verdict"] == "missed"


@pytest.mark.parametrize(
    "target, value, verdict",
    [
        (Target(most=0.6), 0.6, "passed"),
        (Target(most=0.6), 0.61, "missed"),
        (Target(least=1.3), 1.3, "passed"),
        (Target(least=1.3), 1.2, "missed"),
    ],
)
def test_target_is_met_at_its_own_value_and_missed_behind_it(target, value, verdict):
    assert figure([value], "x", target)["verdict"] == verdict


def test_table_has_figures_targets_and_why_there_is_none(tmp_path):
    kept = measured.Measured(tmp_path / "x.json", "cpu", 60)
    kept.take("case", lambda: {"time": figure([0.5, 0.7, 0.6], "x", Target(most=0.65)), "n": 3})
    kept.take("broken", lambda: {"time": 1 / 0})
    kept.finish()
    told = json.loads((tmp_path / "x.json").read_text())
    shown = table({"step": told})
    assert (
        "| step | case | time | 0.6 x | 0.5 to 0.7 | 3 |  |  |  | at most 0.65 | passed |" in shown
    )
    assert "failed: ZeroDivisionError" in shown and "load average" in shown
    assert "passed" not in table({"step": told}, quick=True)
    assert "not finished" in table({"step": told | {"finished": False}})


def test_both_sides_of_a_ratio_are_in_the_table():
    one, other = ([{"seconds": s, "cpu_seconds": 2 * s}] for s in (1.0, 4.0))
    shown = table({"step": {"measurements": {"case": {"time": ratio(one, other)}}}})
    assert "| 0.25 x | 0.25 to 0.25 | 1 | 0.25 x | 1 against 4 | 2 against 8 |" in shown


def test_short_table_has_targets_alone_and_of_many_alike_the_worst():
    of_starts = {f"c{n}": {"start": figure([float(n)], "s", Target(most=5.0))} for n in range(7)}
    of_speed = {
        "b": {"as fast": figure([2.0], "x", Target(least=1.5)), "seconds": figure([3], "s")}
    }
    shown = table_of_targets(
        {"startup": {"measurements": of_starts}, "ranks": {"measurements": of_speed}}
    ).splitlines()
    assert shown[2:] == [
        "| start, the worst of 7: c6 | 6 s (6 to 6) | at most 5: missed |",
        "| b: as fast | 2 x (2 to 2) | at least 1.5: met |",
    ]
    assert shown[1] == "| --- | --- | --- |"


def test_exponent_of_a_power_law_is_its_power():
    assert exponent([8, 16, 32], [0.3 * n**1.25 for n in (8, 16, 32)]) == pytest.approx(1.25)


def test_start_up_is_measured_of_every_command_that_the_rules_start():
    named = set()
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        named |= set(re.findall(r"-m (score\.[\w.]*\w)(?=\s)", file.read_text()))
    found = commands()
    assert named - {"score.jobs.launch"} <= found.keys()
    assert "score.analyses.curves" in found  # named by a wildcard
    assert "score.jobs.launch" in found["score.training.train"]
    assert "score.jobs.launch" not in found["score.evaluation.verify"]


def test_written_solutions_are_judged_as_they_were_made():
    texts = written(48)
    verifiers = warm_verifiers(texts)
    judged = with_verifiers(texts, verifiers)
    for verifier in verifiers.values():
        verifier.close()
    assert judged == [text.right for text in texts] and 0 < sum(judged) < len(texts)
