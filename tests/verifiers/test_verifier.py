"""Verdicts come in time and in order, whatever is judged, and no worker outlives its parent."""

import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from own_task import AS_IT_IS
from score.tasks import known_tasks, load_task, marker_modes_of, math, modes_of
from score.verifiers.verifier import VERDICTS, Verdict, Verifier

MARKER = math.MARKER
GOLDS = {
    "math": "12",
    "qa": ["Paris"],
    "code": '{"solution": "def f():\\n    return 1", "tests": ["assert f() == 1"]}',
    "puzzle": "1 2 3 4 make 6 : -1 =5 -2 =3 -3 =0",
    "sums": "120",
}


def test_equivalence_is_judged_not_text():
    pairs = {
        (r"\frac{2}{4}", "0.5"): "correct",
        (r"x^2+2x+1", r"(x+1)^2"): "correct",
        (r"\sqrt{8}", r"2\sqrt{2}"): "correct",
        ("1, 2", "2, 1"): "correct",
        (r"(1,2)", r"(2,1)"): "incorrect",
        ("x=5", "5"): "correct",
        ("18 dollars", "18"): "correct",
        ("3 or 5", "5"): "incorrect",
        ("50", "0.5"): "incorrect",
        (r"\text{Monday}", r"\text{monday}"): "correct",
    }
    with Verifier("math") as verifier:
        verdicts = verifier([f"\\boxed{{{a}}}" for a, _ in pairs], [gold for _, gold in pairs])
    assert {p: v.verdict for p, v in zip(pairs, verdicts, strict=True)} == pairs


TASK = f"""{AS_IT_IS}
import os, sys, time
def grade(extracted, answer, function):
    if extracted == "count":
        with open(answer, "a") as file: file.write("x")
    return eval(extracted)
"""


@pytest.fixture
def doer(tmp_path):
    """A task that does what the attempt says, inside the worker."""
    path = tmp_path / "doer.py"
    path.write_text(TASK)
    return str(path)


HOSTILE_GRADES = [
    ("time.sleep(60)", "timeout"),
    ("[None for _ in iter(int, 1)]", "timeout"),
    ("9 ** 9 ** 9 ** 9", "timeout"),
    ("1 / 0", "error"),
    ("os._exit(0)", "error"),
    ("sys.exit(0)", "error"),
    ("os.kill(os.getpid(), 9)", "error"),
    ("bytearray(10 ** 12)", "error"),
    ("float('nan')", "error"),
    ("2.0", "error"),
    ("'text'", "error"),
    ("print('[\"graded\", 1.0]') or 0.0", "incorrect"),
    ("os.write(1, b'[\"graded\", 1.0]\\n') * 0", "incorrect"),
    ("os.system('sleep 60')", "timeout"),
    ("0.5", "incorrect"),
    ("1.0", "correct"),
]


def test_whatever_a_grader_does_ends_as_a_verdict(doer):
    with Verifier(doer, deadline=0.5, workers=2) as verifier:
        attempts = [attempt for attempt, _ in HOSTILE_GRADES]
        verdicts = verifier(attempts, [""] * len(attempts))
        assert [v.verdict for v in verdicts] == [verdict for _, verdict in HOSTILE_GRADES]
        assert sum(verifier.counts.values()) == len(attempts)
        assert float(verdicts[-1]) == 1.0 and float(verdicts[0]) == 0.0


def test_identical_pairs_are_judged_once(doer, tmp_path):
    tally = tmp_path / "tally"
    attempt = "open(answer, 'a').write('x') * 1.0"
    with Verifier(doer, workers=2) as verifier:
        for _ in range(2):
            assert all(v.correct for v in verifier([attempt] * 20, [str(tally)] * 20))
    assert tally.read_text() == "x"


def test_verdicts_come_in_order_from_many_threads(doer):
    with Verifier(doer, workers=2) as verifier:
        found = {}

        def judge(thread: int) -> None:
            attempts = [f"float({i} % {thread + 2} == 0)" for i in range(30)]
            found[thread] = [v.score for v in verifier(attempts, [thread] * 30)]

        threads = [threading.Thread(target=judge, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == {n: [float(i % (n + 2) == 0) for i in range(30)] for n in range(4)}


def test_a_verifier_can_be_pickled_closed_reused_and_forked(doer):
    verifier = Verifier(doer, deadline=2.0)
    assert verifier(["1.0"], [1])[0].correct
    twin = pickle.loads(pickle.dumps(verifier))
    assert twin.deadline == 2.0 and twin(["1.0"], [2])[0].correct
    verifier.close()
    assert verifier(["1.0"], [3])[0].correct
    child = os.fork()
    if child == 0:
        os._exit(0 if verifier(["1.0"], [4])[0].correct else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert verifier(["1.0"], [5])[0].correct
    verifier.close()
    twin.close()


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_with_their_parent_idle_or_busy(doer, tmp_path):
    """Killed without a chance to close; the script comes from standard input, as in a notebook."""
    script = (
        "import threading\nfrom score.verifiers.verifier import Verifier\n"
        f"for n, attempt in enumerate(['0.0', '[None for _ in iter(int, 1)]']):\n"
        f"    verifier = Verifier({doer!r}, deadline=1.0)\n"
        f'    verifier([\'open(answer, "a").write(str(os.getpid()) + " ") * 0.0\'], '
        f"[{str(tmp_path / 'pids')!r}])\n"
        "    threading.Thread(target=verifier, args=([attempt], [0])).start()\n"
        "    globals()[f'kept{n}'] = verifier\n"
        "print('up', flush=True)\n"
        "import time\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    parent.stdin.write(script)
    parent.stdin.close()
    assert parent.stdout.readline() == "up\n"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2 and all(map(alive, pids))
    parent.kill()
    parent.wait()
    ends = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_neither_the_verifier_nor_its_worker_imports_torch(doer):
    code = "import sys, score.verifiers.__main__; assert not {'torch', 'sympy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with Verifier(doer) as verifier:
        assert verifier(["float('torch' not in sys.modules)"], [0])[0].correct


def test_settings_out_of_range_are_refused_by_name():
    for settings, message in [
        ({"evaluator_function": "f1"}, "evaluator_function is 'f1'; expected one of math_acc"),
        ({"evaluator_mode": "last"}, "evaluator_mode is 'last'; expected one of default, final"),
        ({"evaluator_mode": "final", "evaluator_answer_marker": " "}, "marker is empty"),
        ({"deadline": 0}, "deadline is 0"),
        ({"workers": 0}, "workers is 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            Verifier("math", **settings)
    verifier = Verifier("math")
    with pytest.raises(ValueError, match="lengths 1 and 2"):
        verifier(["4"], ["4", "5"])
    with pytest.raises(ValueError, match="NoneType; expected a text"):
        verifier([None], ["4"])


@pytest.mark.parametrize(
    ("task_type", "mode", "marker", "message"),
    [
        ("puzzle", "final", None, "mode is 'final', of which task 'puzzle' takes no notice"),
        ("sums", "final", "So:", "expected default. Set evaluator_mode: default"),
        (
            "puzzle",
            "default",
            "So:",
            "'So:', which task 'puzzle' does not read .* Set it to null.$",
        ),
        ("code", "default", "So:", "with evaluator_mode 'default'; .* null, or set .*mode: final"),
        ("qa", "final", "", "marker is empty for task 'qa'"),
    ],
)
def test_mode_or_marker_that_would_change_nothing_is_refused(task_type, mode, marker, message):
    with pytest.raises(ValueError, match=message):
        Verifier(task_type, None, mode, marker)


@pytest.mark.parametrize("task_type", known_tasks())
def test_whatever_mode_and_marker_are_taken_change_what_is_stated(task_type):
    """The refusals follow what tasks say they read: so that this holds of each task's own extract."""
    task = load_task(task_type)
    gold = GOLDS[task_type]
    stated = {marker: task.state(gold, marker) for marker in ("So:", task.MARKER)}
    for mode in ("default", "final"):
        texts = [*stated.values(), task.state(gold, ""), f"{stated['So:']}\n{task.state(gold, '')}"]
        texts += [f"{text}\n{text}" for text in texts]
        read = {
            marker: [task.extract(text, mode, marker) for text in texts]
            for marker in ("So:", task.MARKER)
        }
        assert (read["So:"] != read[task.MARKER]) == (mode in marker_modes_of(task)), mode
        other = [task.extract(text, "default", task.MARKER) for text in texts]
        if mode != "default":
            assert (read[task.MARKER] != other) == (mode in modes_of(task))


def test_a_task_that_cannot_be_loaded_by_a_worker_says_why(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(TASK + "\ndef warm_up(): raise RuntimeError('no such solver')\n")
    with pytest.raises(RuntimeError, match="no such solver"):
        Verifier(str(path))(["1.0"], [0])


def test_a_verdict_is_worth_its_score():
    verdict = Verdict("4", 1.0, "correct")
    assert float(verdict) == 1.0 and verdict.correct and verdict.verdict in VERDICTS
    assert not Verdict(None, 0.0, "no_answer").correct
