"""What a report says of a run, whole or half made, and what lies beside it."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import zlib
from xml.etree import ElementTree

import pytest
from reported_runs import attempts_frame as frame
from reported_runs import write_attempts, write_run, write_table
from score.experiment.plan import PROMPTED
from score.fine_tuning.settings import FINE_TUNED
from score.report.__main__ import write_report
from score.report.markdown import markdown_elements
from score.report.pictures import FLOWS, accuracy_picture, flow_picture
from score.report.provenance import jobs
from score.report.rollouts import DIFFERS, RIGHT_FIRST, RIGHT_SECOND, TRUNCATED, pack, read_rollouts
from score.report.run_folder import open_run
from score.report.sentence import WAYS, sentence
from score.training.methods import METHODS


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def test_every_objective_is_said_in_words():
    assert {*METHODS, *FINE_TUNED, *PROMPTED} == set(WAYS)


def test_first_sentence_says_what_was_trained_on_what_and_that_it_corrects_itself(run):
    verdict, numbers = sentence(open_run(run))
    assert verdict == "score corrects itself."
    assert numbers.replace("\N{NO-BREAK SPACE}", " ") == (
        "Trained by SCoRe from some/base on 1,024 problems of some/problems, it solves 33.0 % of 9 test "
        "problems at the first attempt and 44.0 % at the second, a gain of +11.0 [+5.0, +20.0] points; "
        "the policy it was trained from gains +0.0 [-10.0, +10.0]."
    )


def test_first_sentence_compares_with_the_policy_that_it_is_held_to(run):
    table, described = run / "self_correction.csv", json.loads((run / "run.json").read_text())
    described["config"]["policies"]["score"]["reference"] = "warm"
    (run / "run.json").write_text(json.dumps(described))
    table.write_text(table.read_text().replace("base,", "warm,"))
    numbers = sentence(open_run(run))[1]
    assert numbers.startswith("Trained by SCoRe from warm (made of some/base) on 1,024")
    assert numbers.endswith("the policy it was trained from gains +0.0 [-10.0, +10.0].")
    table.write_text(table.read_text().replace("warm,", "base,"))
    assert sentence(open_run(run))[1].endswith("a gain of +11.0 [+5.0, +20.0] points.")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.2, "corrects itself"), (-0.2, -0.01, "spoils more"), (-0.1, 0.3, "is undecided")],
)
def test_verdict_follows_the_interval(run, low, high, said):
    write_table(run, low, high)
    assert said in sentence(open_run(run))[0]


def test_verdict_is_no_surer_than_that_on_the_claim(run):
    claims = run / "claims.json"
    for said, headline in (
        ("supported", "score corrects itself."),
        ("undecided", "score gains in"),
    ):
        claims.write_text(json.dumps({"claims": [{"number": 2, "verdict": said}]}))
        assert sentence(open_run(run))[0].startswith(headline)


def test_settings_are_those_of_every_round_and_what_tuning_put_in_their_place(run):
    for name in ("score/settings.json", "score/tuned.json", "score/iteration10/settings.json"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text('{"learning_rate": 0.25}')
    page = write_report(run).read_text()
    places = [
        page.index(f">{name}") for name in ("score/settings", "score/iteration10", "score/tuned")
    ]
    assert places == sorted(places) and "which wins over the settings of score" in page


def test_report_holds_every_table_and_figure_of_the_run_without_knowing_them(run):
    page = write_report(run).read_text()
    assert "Invented" in page and "Invented again" in page
    assert page.count("data:image/svg+xml;base64,") == 2 and "its own page" in page
    assert "&lt;b&gt;1&lt;/b&gt;" in page and "<b>1</b>" not in page
    assert "How to read &lt;it&gt;." in page
    assert "half made" not in page


def test_figures_without_a_description_belong_to_the_table_they_are_named_after(run):
    (run / "run.json").unlink()
    (run / "figures/alone.png").write_bytes(b"PNG")
    found = open_run(run)
    assert found.analyses() == ["alone", "invented"]
    assert [f.stem for f in found.figures("invented")] == ["invented", "invented_again"]


def test_script_and_style_are_allowed_by_their_hashes_and_nothing_else_is(run):
    page = write_report(run).read_text()
    policy = page.partition('http-equiv="Content-Security-Policy"')[0].rpartition("<meta")[2]
    policy = page[page.index("default-src") : page.index('"', page.index("default-src"))]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy and "http" not in policy
    assert " on" not in page.partition("<script")[0].replace(" on ", " ").replace(" one", "")


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (["run.json"], "run.json"),
        (["self_correction.csv"], "the table of results"),
        (["score/test/attempts.parquet"], "attempts at the test problems by score"),
        (["figures/invented.svg"], "the figure of the analysis invented"),
        (["self_correction.csv", "self_correction.md", "base/test/attempts.parquet"], "by base"),
    ],
)
def test_half_a_run_opens_and_says_what_is_missing(run, gone, told):
    for name in gone:
        (run / name).unlink()
    page = write_report(run).read_text()
    assert "half made" in page and told in page
    assert json.loads((run / "provenance.json").read_text())["missing"]


def test_attempts_of_an_older_version_are_named_and_the_others_shown(run):
    write_attempts(run, "base", frame().drop(columns=["correct_t2"]))
    page = write_report(run).read_text()
    assert "['correct_t2'] are missing" in page
    assert [p["name"] for p in read_rollouts(open_run(run)).index["policies"]] == ["score"]


def test_broken_files_end_no_report(run):
    (run / "score/test/attempts.parquet").write_bytes(b"PAR1 no parquet")
    (run / "run.json").write_text("{ not json")
    (run / "self_correction.csv").write_text("policy,delta\nscore,much\n")
    assert "half made" in write_report(run).read_text()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b'{"config": 3, "instances": "score", "analyses": null}'),
        ("self_correction.csv", b"\xff\xfe policy,delta\n"),
        ("self_correction.csv", b"policy,delta\n," + b"x" * 200_000),
    ],
)
def test_files_of_other_kinds_than_a_run_writes_count_as_missing(run, name, content):
    (run / name).write_bytes(content)
    assert "half made" in write_report(run).read_text()


def test_folder_that_holds_no_run_is_refused_in_one_line(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ValueError, match=r"--results is .*; expected .*results/puzzle"):
            open_run(path)


def test_rollouts_have_the_flags_that_are_filtered_by(run):
    index = read_rollouts(open_run(run)).index
    base, score = index["policies"]
    assert score["flags"][0] == RIGHT_SECOND and base["flags"][0] == RIGHT_FIRST | RIGHT_SECOND
    assert score["flags"][1] == RIGHT_FIRST | DIFFERS
    assert score["flags"][7] == RIGHT_FIRST | RIGHT_SECOND | TRUNCATED
    assert score["sample"] is None and score["problem"] == list(range(9))
    assert index["problems"]["answer"][1] == "an answer"  # as text, not as JSON


def test_samples_of_one_problem_are_rollouts_of_their_own(run):
    twice = frame().loc[[0, 0, 1]].assign(sample=[0, 1, 0])
    write_attempts(run, "score", twice)
    index = read_rollouts(open_run(run)).index
    assert index["policies"][1]["sample"] == ["0", "1", "0"]
    assert index["policies"][1]["problem"] == [0, 0, 1]


def test_any_text_comes_through_packing():
    text = "\ud800 lone \x00 \u2028 </script> 𝒳 \udfff"
    packed = pack([text])
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed)
    assert json.loads(zlib.decompress(base64.b64decode(packed))) == [text]


def test_provenance_names_digests_budgets_packages_and_commit(run):
    (run / "budgets.json").write_text('{"score": {"attempts": 10}}')
    write_report(run)
    told = json.loads((run / "provenance.json").read_text())
    weights = hashlib.sha256(b"weights").hexdigest()
    assert told["policies"]["score"]["files"] == {"model.safetensors": weights}
    assert told["data"]["splits"]["test.jsonl"]["sha256"] == hashlib.sha256(b"{}\n").hexdigest()
    assert told["budgets"] == {"score": {"attempts": 10}}
    assert told["packages"]["numpy"] and told["machine"]["cores"] >= 1
    assert (
        told["config"]["settings"]["run_name"] == "by hand" and len(told["config"]["sha256"]) == 64
    )
    assert told["code"]["commit"] is None or len(told["code"]["commit"]) == 40


def test_missing_git_is_said_and_no_error(run, monkeypatch):
    monkeypatch.setenv("PATH", "")
    write_report(run)
    told = json.loads((run / "provenance.json").read_text())
    assert told["code"] == {
        **{"commit": None, "clean": None, "changed": None},
        "why": "git is not installed",
    }


def test_large_attempts_lie_beside_the_page(run, monkeypatch):
    monkeypatch.setattr("score.report.__main__.MOST_BYTES", 1000)
    page = write_report(run).read_text()
    assert sorted(file.name for file in (run / "report_parts").iterdir()) == ["0.js", "1.js"]
    assert "data-part-0" not in page and "'strict-dynamic'" in page
    monkeypatch.undo()
    assert "data-part-0" in write_report(run).read_text() and not (run / "report_parts").exists()


def test_flows_are_as_high_as_their_shares_and_told_in_words():
    drawn = flow_picture("score", dict(zip(FLOWS, (50, 0, 30, 20), strict=True)))
    assert "wrong then right 30.0 %" in drawn.get("aria-label")
    assert len(drawn.findall("path")) == 3  # none of the one that has no rollouts
    heights = [float(bar.get("height")) for bar in drawn.findall("rect")]
    assert heights == pytest.approx([75, 75, 120, 30])


def test_accuracies_outside_of_a_table_draw_nothing():
    assert accuracy_picture([]) is None
    assert accuracy_picture([{"policy": "score", "accuracy_t1": "much"}]) is None


def test_markdown_tables_keep_escaped_bars_and_odd_rows():
    (table,) = markdown_elements("| a | b |\n| --- | --- |\n| x \\| y | 1.0 [0, 2] |\n| short |\n")
    text = ElementTree.tostring(table, encoding="unicode")
    assert "<td>x | y</td>" in text and '<td class="number">1.0 [0, 2]</td>' in text


def test_report_needs_neither_torch_nor_transformers(run):
    """They take longer to import than the whole report takes."""
    code = (
        "import sys; from score.report.__main__ import main; "
        f"main(['--results', {str(run)!r}]); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "matplotlib", "datasets"} & set(done.stdout.split())


def test_times_of_jobs_are_those_that_snakemake_recorded(run, tmp_path):
    records = tmp_path / "records"
    for output in (run / "base/test/sampled.parquet", tmp_path / "elsewhere.txt"):
        coded = base64.urlsafe_b64encode(str(output).encode()).decode()
        long = records / f"@{coded[:60]}" / coded[60:]
        long.parent.mkdir(parents=True, exist_ok=True)
        long.write_text('{"rule": "sample_attempts", "starttime": 10.0, "endtime": 25.5}')
    (records / "no base64!").write_text("{}")
    (told,) = jobs(open_run(run), records)
    assert told["rule"] == "sample_attempts" and told["seconds"] == 15.5
    assert told["began"] == "1970-01-01T00:00:10+00:00"
    assert jobs(open_run(run), tmp_path / "none") is None
