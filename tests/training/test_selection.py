"""Which update is chosen, from records alone."""

from types import SimpleNamespace

import pytest
from launching import TRAINING
from score.jobs.progress import PROGRESS_LINE
from score.training.records import ProgressLine
from score.training.selection import Selection, expected_updates
from score.training.settings import TrainSettings
from transformers import TrainerState


def selection(by="last", updates=8, save_steps=3, early_stop=None, kept=0, turns=2):
    return Selection(
        SimpleNamespace(
            select_checkpoint=by,
            keep_checkpoints=kept,
            save_steps=save_steps,
            updates=updates,
            early_stop=early_stop,
            total_tokens=None,
            mini_batches=1,
            num_turns=turns,
        )
    )


def records(rewards=(), accuracies=None):
    """A record an update; accuracies: step -> of the second attempt in validation."""
    accuracies = accuracies or {}
    found = []
    for step, reward in enumerate(rewards or [0.0] * max(accuracies), start=1):
        record = {"step": step, "learning_rate": 1e-3, "reward_t1": 9.0, "reward_t2": reward}
        if step in accuracies:
            record |= {"validation_accuracy_t1": 9.0, "validation_accuracy_t2": accuracies[step]}
        found.append(record)
    return found


def test_training_reward_is_the_mean_of_the_last_attempts_since_the_candidate_before():
    told = records([0.1, 0.2, 0.3, 0.9, 0.0, 0.0, 0.5, 0.4])
    found = selection("training_reward").candidates([*told, {"step": 8, "train_runtime": 1.0}])
    assert found == pytest.approx({3: 0.2, 6: 0.3, 8: 0.45})
    assert selection("training_reward").chosen(told)[0] == 8
    assert selection("training_reward").chosen(told[:7])[0] == 6


def test_validation_chooses_the_first_of_the_best_by_the_last_attempt_that_is_trained():
    told = records(accuracies={2: 0.5, 4: 0.7, 6: 0.7, 8: 0.6})
    assert selection("validation").chosen(told) == (4, 0.7)
    assert selection("validation").chosen(told[:3]) == (2, 0.5)
    assert selection("validation").chosen(told[:1]) is None
    three = [{**record, "validation_accuracy_t3": 1.0 - 0.1 * record["step"]} for record in told]
    assert selection("validation", turns=3).chosen(three[1::2])[0] == 2
    one = [{**record, "validation_accuracy_t1": 0.1 * record["step"]} for record in told[1::2]]
    assert selection("validation", turns=1).chosen(one)[0] == 8


def test_last_chooses_the_last_update_whatever_it_earned():
    assert selection().chosen(records([0.9] * 7 + [0.0])) == (8, 8)
    assert selection(kept=2).last_candidates(records([0.9] * 8)) == [6, 8]


def test_wanted_are_the_best_and_the_last_candidates():
    told = records(accuracies={2: 0.5, 4: 0.7, 6: 0.6, 8: 0.6})
    assert selection("validation").wanted(told) == {4}
    assert selection("validation", kept=1).wanted(told) == {4, 8}
    assert selection().wanted(told) == set()


@pytest.mark.parametrize(
    ("accuracies", "stops"),
    [
        ({2: 0.5}, False),
        ({2: 0.5, 4: 0.5}, False),
        ({2: 0.5, 4: 0.5, 6: 0.4}, True),
        ({2: 0.5, 4: 0.4, 6: 0.6, 8: 0.6}, False),
    ],
)
def test_training_stops_after_so_many_validations_without_a_new_best(accuracies, stops):
    assert selection(early_stop=2).stops_early(records(accuracies=accuracies)) is stops
    assert not selection().stops_early(records(accuracies=accuracies))


def test_the_update_at_which_training_stops_early_is_its_last_candidate():
    told = records([0.0] * 4 + [1.0], accuracies={1: 0.5, 3: 0.4, 5: 0.4})
    found = selection("training_reward", early_stop=2).candidates(told)
    assert found == pytest.approx({3: 0.0, 5: 0.5})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"select_checkpoint": "best"}, "select_checkpoint is 'best'; expected one of last, train"),
        (
            {"select_checkpoint": "validation"},
            "'validation' and validation_steps is null.*Set vali",
        ),
        ({"early_stop": 3}, "early_stop is 3 and validation_steps is null.*Set validation_steps"),
        ({"validation_steps": 0}, "validation_steps is 0; expected 1 or more, or null"),
        ({"stop_when_nothing_to_learn": 0}, "stop_when_nothing_to_learn is 0; expected 1 or more"),
        ({"keep_checkpoints": -1}, "keep_checkpoints is -1; expected 0 or more"),
    ],
)
def test_settings_that_choose_by_nothing_are_refused(changes, named):
    with pytest.raises(ValueError, match=named):
        TrainSettings(**{**TRAINING, **changes})


def test_a_budget_of_tokens_tells_the_updates_to_come_by_those_so_far(capsys):
    records = [{"learning_rate": 0.1, "step": n, "sampled_tokens": 400.0} for n in (1, 2, 3)]
    ended = {"train_runtime": 1.0}
    assert expected_updates([*records, ended], 100, 4000) == 10
    assert expected_updates(records, 7, 4000) == 7  # which total_episodes end first
    assert expected_updates(records, 100, 1100) == 3  # spent: no fewer than were made
    assert expected_updates([], 100, 4000) == expected_updates(records, 100, None) == 100

    line = ProgressLine("grpo", total_tokens=4000)
    state = TrainerState(global_step=0, max_steps=100, log_history=records)
    line.on_train_begin(None, state, None)
    state.global_step = 3
    line.on_log(None, state, None, logs=records[-1])
    told = capsys.readouterr().out.strip()
    assert told.startswith("grpo step 3 of about 10 ") and PROGRESS_LINE.search(told)
