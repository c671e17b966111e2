"""Figures: medians of ratios taken round by round, judged by their targets, in a table."""

import json
import re

import pytest
from places import ROOT
from score.benchmarks import measured
from score.benchmarks.clock import by_turns
from score.benchmarks.figures import Target, figure, ratio
from score.benchmarks.scaling import exponent
from score.benchmarks.startup import commands
from score.benchmarks.table import table
from score.benchmarks.verdicts import warm_verifiers, with_verifiers, written


def test_rounds_go_through_all_calls_and_every_second_one_backwards():
    order = []

    def call(name):
        return lambda: order.append(name) or {"seconds": float(len(order)), "cpu_seconds": 1.0}

    taken = by_turns({name: call(name) for name in "abc"}, rounds=2, warm_up=1)
    assert "".join(order) == "cba" + "abc" + "cba"
    assert [one["seconds"] for one in taken["a"]] == [4.0, 9.0]  # without the warm-up


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
    assert "| step | case | time | 0.6 x | 0.5 to 0.7 |  | at most 0.65 | passed |" in shown
    assert "failed: ZeroDivisionError" in shown and "load average" in shown
    assert "passed" not in table({"step": told}, quick=True)
    assert "not finished" in table({"step": told | {"finished": False}})


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
