"""The settings of every job of a run, one function a job: rules write them, preflight checks them."""

import json
from functools import cached_property

from score.comparison.settings import ClaimsSettings, RunDescription
from score.evaluation.settings import VerifySettings
from score.experiment.plan import ORIGIN_KEYS, Plan
from score.experiment.problem_counts import needed_problems
from score.experiment.terms import terms_of
from score.files.digests import digest
from score.fine_tuning.settings import (
    CHOOSING,
    CORRECTING,
    CorrectionSettings,
    FineTuneSettings,
    GivenSettings,
)
from score.problems.settings import PrepareSettings
from score.sampling.prompt_settings import BETWEEN
from score.sampling.settings import SampleSettings, sampled_in
from score.training.settings import TrainSettings

# What a policy's entry may say beside the settings of its own training: how its rounds sample and
# choose corrections, and how many first attempts are sampled ahead.
_AHEAD = ("first_attempts_per_problem",)
_ROUNDS = (
    "temperature",
    "max_tokens",
    "training_problems",
    "local_rollout_forward_batch_size",
    "number_output_initial_generations",
    "pairs_per_problem",
    "on_no_corrections",
)
_ONE_METHOD = {
    "self_taught": ("variant", "keep_from", "iterations", "number_output_corrections"),
    "pair_sft": ("keep_right_pairs",),
    "self_rewarding": ("number_output_corrections",),
    "supervised": ("attempts_path", "loss_on"),
}


class JobSettings:
    """The settings of each job that the plan of a config leads to. ValueError where some don't fit."""

    def __init__(self, plan: Plan):
        self.plan, self.config = plan, plan.config

    def allowed_keys(self, instance: str) -> tuple[str, ...]:
        """What the entry of this policy may say, given its objective."""
        plan, common = self.plan, (*ORIGIN_KEYS, "objective")
        if plan.is_reinforced(instance):
            return (*common, *TrainSettings.names(), *_AHEAD)
        if plan.is_fine_tuned(instance):
            objective = plan.objective(instance)
            sampling = _ROUNDS if objective in CHOOSING else ()
            return (*common, *FineTuneSettings.names(), *sampling, *_ONE_METHOD[objective])
        return common

    def problems(self) -> PrepareSettings:
        config = self.config
        needed = {
            f"needed_{split}": needed_problems(self.plan, split) for split in ("train", "test")
        }
        return PrepareSettings.from_config(config, config["problems"], config["verifier"], **needed)

    def sampling(self, instance: str, evaluation: str) -> SampleSettings:
        """The attempts of an instance in one of the plan's evaluations."""
        prompting = self.plan.prompting(instance)
        return SampleSettings.from_config(
            self.config,
            self.config["evaluation"],
            self._prompts(prompting),
            _led(prompting),
            self.plan.evaluations[evaluation].settings,
            precision=sampled_in(self.config["precision"]),
        )

    def gpus_of_sampling(self) -> int:
        """GPUs of one process that samples, the same in all sampling jobs."""
        engine = self.config["rollout_backend"] == "vllm"
        return self.config["evaluation"]["vllm_tensor_parallel_size"] if engine else 1

    def _prompts(self, prompting: str = "correction") -> dict:
        """The section `prompts`, without the messages that a job does not use.

        Where earlier attempts are stripped of their reasoning, or the policy's own verdicts are read, it
        depends on the reasoning's tags too.
        """
        prompts = self.config["prompts"]
        others = {"self_refine", "pag"} - {prompting}
        unused = {name for other in others for name in BETWEEN[other]}
        tagged = prompts["history_thinking"] == "strip" or prompting == "pag"
        tags = self._tags() if tagged else {}
        return {key: value for key, value in prompts.items() if key not in unused} | tags

    def _tags(self) -> dict:
        return {"reasoning_tags": self.config["verifier"]["reasoning_tags"]}

    def verification(self) -> VerifySettings:
        return VerifySettings.from_config(
            self.config,
            self.config["verifier"],
            bootstrap_samples=self.config["evaluation"]["bootstrap_samples"],
            bootstrap_seed=self.config["random_seed"],
        )

    def training(self, instance: str) -> TrainSettings:
        """Verifier, then what the plan says: an entry over its sections, a candidate over both."""
        prompts = self._prompts(self.plan.prompting(instance))
        return TrainSettings.from_config(
            self.config, self.config["verifier"], prompts, self.plan.settings(instance)
        )

    def fine_tuning(self, instance: str) -> FineTuneSettings:
        template = {"chat_template": self.config["prompts"]["chat_template"]}
        return FineTuneSettings.from_config(self.config, self.plan.settings(instance), template)

    def trained_with(self, instance: str) -> str:
        """JSON of all settings that the weights of a trained instance depend on, see files.made_with."""
        fine_tuned = self.plan.is_fine_tuned(instance)
        settings = self.fine_tuning(instance) if fine_tuned else self.training(instance)
        return json.dumps(settings.provenance(), sort_keys=True)

    def made_with(self, evaluation: str) -> str:
        """JSON: instance -> digests of the settings behind its attempts in one of the evaluations."""
        verified = digest(self.verification().provenance())
        told = {}
        for one in self.plan.evaluations[evaluation].instances:
            sampled = digest(self.sampling(one, evaluation).provenance())
            told[one] = {"sampled": sampled, "verified": verified}
            trained = self.plan.weights_of(one)
            if trained is not None:
                told[one]["trained"] = digest(json.loads(self.trained_with(trained)))
        return json.dumps(told, sort_keys=True)

    def first_attempts(self, instance: str) -> SampleSettings:
        """First attempts that are sampled ahead of a training that starts from such."""
        settings = self.plan.settings(instance)
        offline = self.plan.is_reinforced(instance)
        key = "first_attempts_per_problem" if offline else "number_output_initial_generations"
        return self._round(instance, 0, num_turns=1, samples=settings[key])

    def corrections(self, instance: str, iteration: int) -> SampleSettings:
        """What a round samples of attempts and their corrections."""
        settings, prompting = self.plan.settings(instance), self.plan.prompting(instance)
        return self._round(
            instance,
            iteration,
            prompting,
            num_turns=2,
            samples=settings["number_output_initial_generations"],
            corrections=settings["number_output_corrections"],
        )

    def _round(
        self, instance: str, iteration: int, prompting: str = "correction", **values
    ) -> SampleSettings:
        """Sampling in training: its temperature and limit, and draws of their own in each round."""
        settings = self.plan.settings(instance)
        engine = {k: v for k, v in self.config["evaluation"].items() if k.startswith("vllm_")}
        common = ["task_type", "cache_dir", "rollout_backend"]
        common += ["attn_implementation", "trust_remote_code", "compile_decoding"]
        return SampleSettings.from_config(
            {key: self.config[key] for key in common},
            self._prompts(prompting),
            _led(prompting),
            precision=sampled_in(self.config["precision"]),
            temperature=settings["temperature"],
            max_tokens=settings["max_tokens"],
            num_problems=settings["training_problems"],
            batch_size=settings["local_rollout_forward_batch_size"],
            **engine,
            random_seed=1000 * self.plan.seed(instance) + iteration,
            **values,
        )

    def sampled_by(self, instance: str, iteration: int) -> str:
        """The instance whose job samples what a round of `instance` starts from.

        Candidates, and arms that differ in what they imitate alone, begin with the same attempts, which
        are sampled once, for the first of them. iteration: 0 for what is sampled ahead of all rounds.
        """
        return self._samplers[iteration][instance] if iteration < 2 else instance

    @cached_property
    def _samplers(self) -> tuple[dict[str, str], dict[str, str]]:
        """By instance the one that samples ahead of all rounds for it, and the one in the first."""
        plan, ahead, first = self.plan, {}, {}
        done: dict[tuple, str] = {}
        for one in plan.trained:
            if (pool := plan.pool(one)) is not None:
                ahead[one] = done.setdefault((pool, self.first_attempts(one).to_json()), one)
            if plan.objective(one) in CORRECTING:
                job = plan.init(one), ahead.get(one), self.corrections(one, 1).to_json()
                first[one] = done.setdefault(job, one)
        return ahead, first

    def choice(self, instance: str) -> CorrectionSettings:
        """Which corrections of a round are imitated."""
        settings, method = self.plan.settings(instance), self.plan.objective(instance)
        pairs = method == "pair_sft"
        right_too = settings["keep_right_pairs"] if pairs else settings["variant"][1] == "N"
        return CorrectionSettings.from_config(
            self.config,
            self.config["verifier"],
            self._prompts(self.plan.prompting(instance)),
            settings,
            method=method,
            keep="non_decreasing" if right_too else "improving",
        )

    def given(self, instance: str) -> GivenSettings:
        """How the attempts in a file become examples."""
        return GivenSettings.from_config(
            self.config, self._prompts(), self._tags(), self.plan.settings(instance)
        )

    def claims(self) -> ClaimsSettings:
        """Their base policy is the one that `score` is held to, as the paper's is. How it was made is no
        difference that spoils a comparison with it."""
        held_to = self.config["policies"].get("score", {}).get("reference", "base")
        base = {} if held_to == "base" else {"base": held_to}
        terms = {arm: one for arm, one in terms_of(self.plan).items() if arm != held_to}
        return ClaimsSettings.from_config(base, terms=terms)

    def run_description(self) -> RunDescription:
        """What stands beside our rows where they are compared with published ones."""
        problems, evaluation = self.config["problems"], self.config["evaluation"]
        places = problems["test_path"] or problems["data_path"]
        return RunDescription(
            model_path=self.config["model_path"],
            dataset=places if isinstance(places, str) else ", ".join(places),
            temperature=evaluation["temperature"],
            samples=evaluation["samples"],
            pass_at_k_temperature=self.config["analyses"]["pass_at_k"]["temperature"],
        )


def _led(prompting: str) -> dict:
    """The setting of a way to lead from one attempt to the next, where it is not the usual one."""
    return {} if prompting == "correction" else {"prompting": prompting}
