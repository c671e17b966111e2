"""Every epoch of a training sees all problems, in an order of its own."""

from itertools import groupby

import pytest
import torch
from training_runs import judge, make_trainer, problems


@pytest.fixture(autouse=True)
def one_thread():
    """Several threads gain nothing on so small a policy, and wait long where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_each_epoch_of_a_training_has_another_order_of_the_same_problems(tmp_path):
    """Catches a sampler that is never told of the next epoch: all would repeat the first."""
    updates = []

    def watch(attempts, answers):
        updates.append([answer for answer, _ in groupby(answers)])
        return judge(attempts, answers)

    # 32 problems, of which an update takes 16
    changes = {"num_generations": 2, "per_device_train_batch_size": 32, "max_steps": 6}
    make_trainer(tmp_path, verifier=watch, **changes).train()
    assert [len(update) for update in updates] == [16] * 6
    epochs = [updates[i] + updates[i + 1] for i in (0, 2, 4)]
    for epoch in epochs:
        assert sorted(epoch) == sorted(problems()["answer"])
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
