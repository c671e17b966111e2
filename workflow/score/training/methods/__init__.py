"""The methods of reinforcement learning: METHODS, by the name that a config's `objective` takes.

One file a method. A new one is such a file and its line in the tuple below; the enumeration test
(tests/training/test_loss.py) then asks for its analytic gradient. Its settings are those of the config's
sections that it names. Nothing here imports torch, since the config is checked by it too.
"""

from score.training.methods import (
    direct_multi_turn,
    grpo,
    pag,
    self_rewarding_rl,
    single_turn,
    stage_one,
    stage_two,
    summed_return,
    thinktwice,
)
from score.training.methods.method import Method

METHODS: dict[str, Method] = {
    one.METHOD.name: one.METHOD
    for one in (
        stage_one,
        stage_two,
        single_turn,
        direct_multi_turn,
        summed_return,
        grpo,
        pag,
        self_rewarding_rl,
        thinktwice,
    )
}
