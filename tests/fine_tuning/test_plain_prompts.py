"""Examples of supervised fine-tuning in plain text end in the stop string."""

import pytest
from base_policies import plain, save_policy
from score.fine_tuning import corrections, given
from score.fine_tuning.pairs import Conversation
from score.fine_tuning.trainer import CorrectionConfig, CorrectionTrainer
from score.policies.load import declared_generation, load_policy
from score.sampling.generate import stop_ids_of
from score.sampling.prompts import Bridge, prompt_ids
from score.tasks import load_task

TASK = load_task("math")
ROW = {"question": "1+1", "attempt_1": "It is 3.", "attempt_2": "It is 2."}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp("base"))


def test_given_attempts_end_in_the_stop_string_and_are_fine_tuned_on(path, tmp_path):
    tokenizer = plain(path)
    first, second = given.make_examples([ROW], (1, 2), tokenizer, TASK, [], None)
    imitated = [tokenizer.decode(e.input_ids[e.context :]) for e in (first, second)]
    assert imitated == [f" It is {n}.\n\nQuestion:" for n in (3, 2)]
    between = second.input_ids[len(first.input_ids) : second.context]
    assert tokenizer.decode(between) == f" {TASK.CORRECTION_PROMPT}\n\nAnswer:"
    assert second.input_ids[: len(first.input_ids)] == first.input_ids
    args = CorrectionConfig(
        output_dir=str(tmp_path), max_steps=1, use_cpu=True, bf16=False, report_to="none"
    )
    trainer = CorrectionTrainer(
        load_policy(path, "float32"), args, [first, second], processing_class=tokenizer
    )
    trainer.train()
    assert trainer.state.log_history[0]["loss"] > 0


def test_given_attempt_that_holds_a_stop_string_is_refused_by_its_row(path):
    row = {**ROW, "attempt_2": "It is 2.\n\nQuestion: what else?"}
    with pytest.raises(
        ValueError, match=r"row 1: attempt_2 holds the stop string '\\n\\nQuestion:'"
    ):
        given.make_examples([row], (1, 2), plain(path), TASK, [], None)


def test_corrections_are_imitated_up_to_their_stop_string_and_need_one(path):
    tokenizer = plain(path)
    bridge = Bridge.from_tokenizer(tokenizer, TASK.CORRECTION_PROMPT)
    stops = stop_ids_of(declared_generation(path), tokenizer, bridge)
    prompt = prompt_ids(tokenizer, [{"role": "user", "content": "1+1"}])
    tried, mended = (tokenizer.plain_prompts.attempt_ids(f"It is {n}.") for n in (3, 2))
    pair = Conversation("p", 0, 0, "kind", prompt, (tried, mended), ("It is 3.", "It is 2."))
    (example,) = corrections.make_examples([pair], tokenizer, (bridge,), stops, len(tokenizer))
    assert example.input_ids == [*prompt, *tried, *bridge.after(tried), *mended]
    assert example.input_ids[example.context :] == mended
    cut = Conversation("p", 0, 0, "kind", prompt, (tried, mended[:-1]), ("It is 3.", "It is 2."))
    with pytest.raises(ValueError, match="ends with none of its end-of-turn tokens"):
        corrections.make_examples([cut], tokenizer, (bridge,), stops, len(tokenizer))
