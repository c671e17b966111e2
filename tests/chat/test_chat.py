"""Asking a policy: as it was trained, the same tokens as in evaluation, shown as they are made."""

import io
import json
import shutil
import sys
from pathlib import Path

import pytest
import tried_policies as policies
from score.chat.__main__ import main, run
from score.chat.asking import asking_of
from score.chat.differences import changes, shown_changes
from score.chat.policy_folder import Wanted, find_policy
from score.chat.stream import TextPieces
from score.chat.tried import TriedPolicy
from score.problems.problem import Problem
from score.sampling.settings import SampleSettings
from score.training.settings import TrainSettings
from tried_policies import PUZZLE, PUZZLES, greedily, puzzle_policy

QUESTIONS = [
    "What is 6 times 7?",
    "Write 2/3 as a decimal.",
    "How many primes are below 20?",
    "1+1",
]


def tried(path, **wanted) -> TriedPolicy:
    folder = find_policy(str(path))
    return TriedPolicy(folder.weights, asking_of(folder, Wanted(**wanted)))


@pytest.mark.parametrize(
    "make", ["puzzle_policy", "puzzle_adapter", "plain_policy", "stripping_policy"]
)
def test_a_policy_answers_as_in_greedy_evaluation_and_is_heard_in_full(tmp_path, make):
    path = getattr(policies, make)(tmp_path / "policy")
    questions = PUZZLES if "puzzle" in make else QUESTIONS
    policy = tried(path)
    heard: list[str] = []

    def listen(ids, whole):
        if not heard or heard[-1] is None:
            heard[-1:] = [TextPieces(policy.plan.tokenizer), ""]
        pieces = heard[-2]
        heard[-1] += pieces.rest(ids) if whole else pieces.add(ids)
        if whole:
            heard[-2:] = [heard[-1], None]

    for question, expected in zip(questions, greedily(path, questions), strict=True):
        heard.clear()
        row = policy.sampled(Problem("asked", question, ""), listen)
        for turn in (1, 2):
            assert row[f"ids_t{turn}"] == list(expected[f"ids_t{turn}"])
        assert heard[:-1] == [row["attempt_t1"], row["attempt_t2"]]


def test_settings_of_a_training_say_all_that_asking_needs():
    needed = {*SampleSettings.names()} - {
        *("random_seed", "samples", "batch_size", "num_problems"),
        *("corrections", "history", "prompting"),
        *("vllm_tensor_parallel_size", "vllm_prefix_caching"),
    }
    assert needed <= {*TrainSettings.names()}


def test_a_run_says_how_long_attempts_may_be_and_its_base_policy_is_asked_as_it_was_there(tmp_path):
    run, stated = tmp_path / "run", {"max_tokens": 10, "correction_prompt": "again", "num_turns": 2}
    puzzle_policy(run / "score" / "policy", **stated)
    sampled = SampleSettings(
        task_type="puzzle",
        random_seed=0,
        num_turns=2,
        temperature=0.0,
        max_tokens=7,
        samples=1,
        batch_size=1,
        precision="float32",
        correction_prompt="again",
    )
    for name in ("base", "score"):
        (run / name / "test").mkdir(parents=True)
        (run / name / "test" / "sample_settings.json").write_text(sampled.to_json())
    (run / "run.json").write_text(json.dumps({"config": {"model_path": PUZZLE}}))
    for name, weights in (("score", run / "score" / "policy"), ("base", PUZZLE)):
        folder = find_policy(str(run / name))
        asking = asking_of(folder, Wanted())
        assert folder.weights == str(weights)
        assert (asking.sampling.max_tokens, asking.sampling.correction_prompt) == (7, "again")
    assert find_policy(str(run / "score" / "policy")).run == run
    with pytest.raises(ValueError, match=r"is a run; .* Name one: .*run/score\.$"):
        find_policy(str(run))
    shutil.copytree(run / "score", run / "arm" / "seed3")
    with pytest.raises(ValueError, match=r"1 seeds; .* --policy .*arm/seed3"):
        find_policy(str(run / "arm"))


def test_draws_above_temperature_0_are_those_of_the_seed(tmp_path):
    path = puzzle_policy(tmp_path / "policy")

    def texts(seed):
        policy = tried(path, temperature=3.0, seed=seed)
        return [policy.ask(PUZZLES[0])["attempts"][0]["text"] for _ in range(4)]

    assert texts(1) == texts(1) != texts(2)
    assert len(set(texts(1))) > 1


def test_changes_put_together_are_both_attempts_whatever_characters_they_have():
    before, after = "so 𝟙 + é = $\\frac12$ ok", "so 𝟚 + é = $\\frac13$, ok 😀"
    found = changes(before, after)
    assert "".join(text for kind, text in found if kind != "added") == before
    assert "".join(text for kind, text in found if kind != "removed") == after
    assert shown_changes(changes("is 4", "is 5"), colours=False) == "is [-4-]{+5+}"
    assert "\x1b" not in shown_changes(changes("a \x1b[2J", "b \x1b[2J"), colours=False)


def test_json_has_attempts_stated_answers_changes_and_verdicts_where_the_answer_is_given(
    tmp_path, capsys
):
    path, question = puzzle_policy(tmp_path / "policy"), PUZZLES[0]
    answer = f"{question} : -9 =18 -3 =15 -15 =0"
    main(["--policy", path, "--question", question, "--answer", answer, "--json"])
    told = json.loads(capsys.readouterr().out)
    row = greedily(path, [question])[0]
    assert [attempt["text"] for attempt in told["attempts"]] == [
        row["attempt_t1"],
        row["attempt_t2"],
    ]
    assert {attempt["verdict"] for attempt in told["attempts"]} <= {"correct", "incorrect"}
    assert told["attempts"][0]["stated"] == row["attempt_t1"]
    assert "".join(t for kind, t in told["changes"][0] if kind != "removed") == row["attempt_t2"]


def test_questions_are_taken_a_line_each_and_a_bad_one_ends_nothing(tmp_path, capsys, monkeypatch):
    path = puzzle_policy(tmp_path / "policy")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PUZZLES[0]}\nhello\n\n{PUZZLES[1]}"))
    main(["--policy", path])
    said = capsys.readouterr()
    assert said.out.count("Attempt 2 states: ") == 2
    assert "puzzle is 'hello'" in said.err


def test_a_policy_of_elsewhere_is_asked_as_the_task_that_is_named_and_that_is_said(capsys):
    main(["--policy", PUZZLE, "--task", "puzzle", "--question", PUZZLES[0]])
    assert "has no score_settings.json: asked with the own prompts" in capsys.readouterr().out


def _without_weights(path: Path) -> None:
    (path / "model.safetensors").unlink()


def _own_task(path: Path) -> None:
    policies.mark(path, "evil.py")


def _not_json(path: Path) -> None:
    (path / "score_settings.json").write_text("{")


def _other_types(path: Path) -> None:
    policies.mark(path, "puzzle", num_turns="two")


@pytest.mark.parametrize(
    ("spoil", "flags", "said"),
    [
        (None, ["--policy", "results/nowhere/at/all"], "which is no folder"),
        (None, ["--policy", PUZZLE], "has no score_settings.json, by which"),
        (_without_weights, [], "has no weights"),
        (_own_task, [], "names the task in the file evil.py, whose code would run"),
        (_not_json, [], "is not JSON"),
        (_other_types, [], "num_turns is 'two'; expected int"),
        (None, ["--question", " "], "--question is empty"),
        (None, ["--question", "9 " * 60 + "7 3 make 27"], "the question is too long"),
        (None, ["--question", "hello"], "puzzle is 'hello'"),
        (
            None,
            ["--question", PUZZLES[0], "--answer", "x"],
            "--answer is 'x', which the task refuses",
        ),
        (None, ["--answer", "x"], "--answer is given without --question"),
        (None, ["--question", PUZZLES[0], "--task", "math"], "--task is 'math', but"),
        (None, ["--temperature", "-1"], "--temperature is -1.0"),
    ],
)
def test_what_can_not_be_asked_is_refused_in_one_sentence_with_status_2(
    tmp_path, capsys, spoil, flags, said
):
    path = tmp_path / "policy"
    puzzle_policy(path)
    if spoil is not None:
        spoil(path)
    named = flags if "--policy" in flags else ["--policy", str(path), *flags]
    with pytest.raises(SystemExit) as ended:
        main(named)
    message = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in message
    assert "Traceback" not in message


@pytest.mark.parametrize(("typed", "status"), [(EOFError, None), (KeyboardInterrupt, 130)])
def test_ctrl_d_and_ctrl_c_at_the_prompt_end_it_without_a_traceback(
    tmp_path, capsys, monkeypatch, typed, status
):
    path, asked = puzzle_policy(tmp_path / "policy"), iter(PUZZLES[:1])

    def type_in(prompt):
        line = next(asked, None)
        if line is None:
            raise typed
        return line

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", type_in)
    monkeypatch.setattr("sys.argv", ["chat", "--policy", path])
    monkeypatch.setattr("sys.excepthook", sys.excepthook)  # which commands replace
    if status is None:
        run()
    else:
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == status
    said = capsys.readouterr()
    assert "Attempt 2 states" in said.out
    assert "Traceback" not in said.err


@pytest.mark.parametrize("prompting", ["self_refine", "pag"])
def test_what_a_policy_says_of_its_attempt_is_shown_between_both(tmp_path, capsys, prompting):
    asked = {"critique_prompt": "wrong?", "refine_prompt": "again"}
    asked |= {"verify_prompt": "right?", "revise_prompt": "again"}
    path = puzzle_policy(tmp_path / "run" / "arm" / "policy", num_turns=2, **asked)
    told = json.loads(Path(path, "score_settings.json").read_text())
    Path(path, "score_settings.json").unlink()
    (tmp_path / "run" / "problems").mkdir()
    place = tmp_path / "run" / "arm" / "test"
    place.mkdir()
    told = {key: value for key, value in told.items() if key in SampleSettings.names()}
    told |= {"prompting": prompting, "random_seed": 0, "samples": 1, "batch_size": 1}
    (place / "sample_settings.json").write_text(json.dumps(told))
    main(["--policy", str(tmp_path / "run" / "arm"), "--question", PUZZLES[0]])
    said = capsys.readouterr().out
    between = {"self_refine": "Critique", "pag": "Its own verdict"}[prompting]
    assert (
        said.index("\nAttempt 1\n") < said.index(f"\n{between}\n") < said.index("Attempt 2 states")
    )
    # pag: a verdict that can't be read leaves the attempt as it is
    assert ("\nAttempt 2\n" in said) == (prompting == "self_refine")
