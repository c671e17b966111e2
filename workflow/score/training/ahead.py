"""One-step-off sampling: a server samples the next set of rollouts while the newest one is trained.

Set n + 1 is sampled from the weights with which the training on set n begins, so its policy is as old as
the updates of one set when it is trained. As always where an engine samples, each token counts with
π / π_sampler.
"""

from collections.abc import Callable
from dataclasses import asdict
from threading import Thread

from score.sampling.rollout import Rollout
from score.training.rollout_sets import RolloutSet

# Where a checkpoint keeps the rollouts of the next set, sampled before its last update.
AHEAD = "rollouts_sampled_ahead"


class Sampling(Thread):
    """Rollouts that are sampled in a thread; `result` waits for them, and raises what sampling raised.

    A process that ends does not wait for the thread.
    """

    def __init__(self, sample: Callable[[], list[Rollout]]):
        super().__init__(name="sampling ahead", daemon=True)
        self.sample, self.rollouts, self.error = sample, [], None
        self.start()

    def run(self) -> None:
        try:
            self.rollouts = self.sample()
        except BaseException as error:
            self.error = error

    def result(self) -> list[Rollout]:
        self.join()
        if self.error is not None:
            raise self.error
        return self.rollouts


class SamplesAhead:
    """The part of SCoReTrainer that samples one set ahead, with `one_step_off`.

    The server's weights change in the trainer's own thread alone, while nothing is sampled: before a set
    is asked for, and where validation samples in between.
    """

    ahead: Sampling | None = None

    def _next_set(self, problems: list[dict]) -> RolloutSet:
        """The rollouts that were sampled for these rows; those of the set behind it are asked for."""
        rollouts = self._take_ahead()
        if rollouts is not None:
            self._check_prompts(rollouts, problems)
        drawn = self._draw(problems, None, self.args.num_turns, rollouts)
        following = self.state.global_step + self.args.mini_batches
        if following < self.state.max_steps:
            self._ask_ahead(following)
        return drawn

    def _ask_ahead(self, step: int) -> None:
        """Have the server sample the set that is trained from `step` on, from the weights of now."""
        if self._last_loaded_step != self.state.global_step:
            self.vllm_generation.sync_weights()
            self._last_loaded_step = self.state.global_step
        places = self._get_train_sampler().indices_of_set(step // self.args.mini_batches)
        messages = [self.train_dataset[i]["prompt"] for i in places]
        turns, shared = self.args.num_turns, self.groups.corrections
        self.ahead = Sampling(
            lambda: self._sample(
                messages, None, turns=turns, corrections=shared, single_turn=self._ask_server
            )
        )

    def _ask_server(self, prompts: list[list[int]], images: None, fields: dict, k: int) -> tuple:
        """TRL's `_generate_single_turn` with the weights that the server has, whatever the step is."""
        _, attempts, logps, _ = self.vllm_generation.generate(prompts, images, k)
        return attempts, [[of_token[0] for of_token in row] for row in logps]

    def _take_ahead(self) -> list[Rollout] | None:
        """The rollouts of this set, from the server or a checkpoint; None for the first set."""
        stored = self.state.stateful_callbacks.pop(AHEAD, None)
        if self.ahead is not None:
            ahead, self.ahead = self.ahead, None
            return ahead.result()
        return stored and [Rollout(**row) for row in stored["attributes"]["rollouts"]]

    def _check_prompts(self, rollouts: list[Rollout], problems: list[dict]) -> None:
        if [r.prompt for r in rollouts] != [self.rendered(p["prompt"]) for p in problems]:
            raise RuntimeError(
                f"the rollouts sampled ahead for update {self.state.global_step + 1} are of other "
                "problems; expected those of its set. Train without one_step_off."
            )

    def _settle_ahead(self) -> None:
        """Wait until the server samples nothing, so that it may be given other weights."""
        if self.ahead is not None:
            self.ahead.join()

    def _save_checkpoint(self, model, trial):
        """A checkpoint with the rollouts of the next set, which its own weights could not sample."""
        kept = self.state.stateful_callbacks
        if self.ahead is not None:
            rows = [asdict(rollout) for rollout in self.ahead.result()]
            kept[AHEAD] = {"args": {}, "attributes": {"rollouts": rows}}
        super()._save_checkpoint(model, trial)
        kept.pop(AHEAD, None)

    def train(self, *args, **kwargs):
        """As the base class; a set that was asked for and is not trained is waited for and dropped."""
        self.ahead = None
        result = super().train(*args, **kwargs)
        self._settle_ahead()
        self.ahead = None
        return result
