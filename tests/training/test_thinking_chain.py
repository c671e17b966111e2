"""Stage I and Stage II of a small random Qwen3 with its vendor's template, reasoning kept and stripped.

`pytest -s` prints the prompts of both turns, as the trained policy is asked in evaluation.
"""

import pytest
from score.experiment.preflight import check_inputs
from score.problems.problem import Problem, write_problems
from score.sampling.sample import sample_policy
from score.sampling.sampling_plan import SamplingPlan
from score.sampling.settings import SampleSettings
from score.sampling.tokenizers import load_tokenizer
from score.verifiers.reasoning import answer_start
from thinking import PARITY, TAGS, thinking_policy
from training_command import flags, read, settings, train


@pytest.mark.slow
@pytest.mark.parametrize("history", ["keep", "strip"])
def test_policy_is_trained_in_both_stages_and_asked_as_its_template_says(
    tmp_path, history, capsys, config
):
    base, task = thinking_policy(tmp_path / "base"), tmp_path / "parity.py"
    task.write_text(PARITY)
    problems = [Problem(str(i), f"{i} + {i % 7}", str(i + i % 7)) for i in range(16)]
    write_problems(tmp_path / "problems.jsonl", problems)
    config["model_path"], config["prompts"]["history_thinking"] = base, history
    check_inputs(config)
    init = base
    for stage in ("stage_one", "stage_two"):
        folder = tmp_path / stage
        folder.mkdir()
        told = settings(
            6,
            objective=stage,
            task_type=str(task),
            history_thinking=history,
            max_tokens=60,
            kl_estimator="k2",
        )
        files = {"init": init, "reference": base, "problems": str(tmp_path / "problems.jsonl")}
        train.train(told, flags(folder, told, **files))
        init = str(folder / "policy")
        lines = read(folder)
        assert len(lines) == 6 and all(line["grad_norm"] > 0 for line in lines)
        assert lines[-1]["kl_t1"] != 0 and lines[-1]["kl_t2"] != 0

    asking = SampleSettings(
        task_type=str(task),
        random_seed=1,
        num_turns=2,
        temperature=1.0,
        max_tokens=60,
        samples=8,
        batch_size=64,
        precision="float32",
        history_thinking=history,
    )
    plan = SamplingPlan(asking, init, problems, [])
    rows = sample_policy(plan, tmp_path / "shards")
    tokenizer, bridge = load_tokenizer(init), plan.bridges[0]
    between = (
        "\nuser\nThere might be an error in the solution above; write it out again.\nassistant\n"
    )
    kinds = {}
    for row in rows:
        context = bridge.next_context(row["prompt_ids"], row["ids_t1"])
        first, said, second = map(tokenizer.decode, (row["prompt_ids"], row["ids_t1"], context))
        words = tokenizer.decode(row["ids_t1"], skip_special_tokens=True)
        start = answer_start(words, TAGS)
        answer = "" if start is None else words[start:].lstrip("\n") if start else words
        expected = (words if history == "keep" else answer) + between
        behind = context[len(row["prompt_ids"]) :]
        assert second.startswith(first)
        assert tokenizer.decode(behind, skip_special_tokens=True) == expected
        kind = "open block" if start is None else "closed block" if start else "none"
        kinds.setdefault(kind, (first, said, second))
    assert len(kinds) == 3
    with capsys.disabled():
        for kind, texts in kinds.items():
            print(f"\n=== {history}, reasoning of attempt 1: {kind}")
            for name, text in zip(
                ("turn 1 is asked", "attempt 1", "turn 2 is asked"), texts, strict=True
            ):
                print(f"--- {name}\n{text}")
