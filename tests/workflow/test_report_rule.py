"""The report is made of all that a run makes, and Snakemake's own has captions."""

import re

from places import ROOT


def test_report_waits_for_every_table_and_figure_and_knows_the_whole_config(dry_run, config):
    jobs = dry_run({"problems": {"level_col": "level"}})
    report = jobs["report_run",]
    figures = {
        path for job in jobs.values() for path in job.output if path.endswith("es/levels.png")
    }
    assert figures and figures <= set(report.input)
    assert {f"results/puzzle/{n}" for n in ("claims.md", "pairs.csv")} <= set(report.input)
    assert report.flags == {"results": "results/puzzle"}
    described = report.settings
    assert described["instances"] == ["base", "score_stage_one", "score"]
    assert "levels" in described["analyses"]
    assert described["config"]["training"] == config["training"]


def test_captions_of_outputs_are_files():
    rules = ROOT / "workflow/rules"
    for file in rules.glob("*.smk"):
        for caption in re.findall(r'caption="([^"]+)"', file.read_text()):
            assert (rules / caption).is_file(), (file.name, caption)
