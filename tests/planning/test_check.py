"""Predictions against measurements: what docs/planning.md says of them holds."""

import json

import pytest
from places import ROOT
from score.planning.check import main, of_records

RECORDS = [ROOT / f"benchmarks/gpu_check_h200/{name}.json" for name in ("fast", "grpo")]


def test_memory_of_an_update_on_an_h200_is_predicted_within_a_tenth():
    rows = [row for path in RECORDS for row in of_records(path)]
    assert len(rows) == 5
    assert all(0.9 < float(row[-1]) < 1.1 for row in rows), rows


def test_time_of_an_update_on_an_h200_is_predicted_within_the_factor_of_the_docs():
    rows = [row for path in RECORDS for row in of_records(path)]
    assert all(1 / 2.5 < float(row[-2]) < 1.1 for row in rows), rows


def test_records_without_updates_make_no_rows(tmp_path):
    path = tmp_path / "right.json"
    path.write_text(json.dumps({"measurements": {"something": {"value": 1}}}))
    assert of_records(path) == []


@pytest.mark.slow
def test_updates_of_small_policies_on_this_cpu_are_predicted_within_a_factor(capsys, monkeypatch):
    """Wide bounds: the machine may do other things meanwhile."""
    monkeypatch.setattr("sys.argv", ["check"])
    main()
    table = [line for line in capsys.readouterr().out.splitlines() if " layers" in line]
    assert len(table) == 3
    for line in table:
        *_, update, memory = (cell.strip() for cell in line.strip("|").split("|"))
        assert 0.1 < float(update) < 1.5 and 0.4 < float(memory) < 2.5, line
