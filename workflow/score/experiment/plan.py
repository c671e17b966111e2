"""What a config asks for: the instances of each policy, their settings, evaluations and budgets.

An arm is an entry of `policies`, a row of the results table. It is trained once for each of `seeds`;
one such training is an instance, `score/seed0`, and starts from the instance of that seed of the
policy it names as `init`. Without seeds the arm is its own one instance, `score`. Where arms are tuned,
`score/candidate0` and its siblings are trained first, on another seed, and judged on the validation
problems; what won goes into all seeds. `base` is given, and has neither.
"""

from dataclasses import dataclass, field
from functools import cached_property

from score.fine_tuning.settings import FINE_TUNED, PROMPTING
from score.training.methods import METHODS

# Objectives that train nothing, by the way in which they prompt another policy.
PROMPTED = {"self_refine": "self_refine", "pag_prompted": "pag"}
# Folders of every run beside those of its policies and evaluations: results/{run_name}/figures.
FOLDERS = ("analyses", "figures", "problems")
# Keys of an entry that say where a training starts, not how it goes.
ORIGIN_KEYS = ("init", "reference", "candidates")
# Analyses with sampling of their own, and all whose section names the policies that they are about.
SAMPLED = ("pass_at_k", "scaling", "successive")
NAMED = (*SAMPLED, "cross_refinement")


def sections_of(objective: str) -> tuple[str, ...]:
    """The sections of the config that an objective takes settings from; the later wins."""
    if objective in METHODS:
        return METHODS[objective].sections
    return ("training", "fine_tuning") if objective in FINE_TUNED else ()


@dataclass(frozen=True)
class Evaluation:
    """Attempts of some instances at the problems of a split, sampled in one way.

    settings: what differs from the section `evaluation`. first_attempts_of: the instance whose first
    attempts in the evaluation `test` are corrected; None: each corrects its own.
    """

    name: str
    split: str
    instances: list[str]
    settings: dict = field(default_factory=dict)
    first_attempts_of: str | None = None


class Plan:
    """The instances and evaluations of a config that has passed the schema."""

    def __init__(self, config: dict):
        self.config = config
        self.arms = ["base"]
        for arm in config["policies"]:
            self._place(arm)
        self.candidates = config["tuning"]["candidates"]
        self.instances = [one for arm in self.arms for one in self.instances_of(arm)]

    def _place(self, arm: str) -> None:
        """Put an arm behind the one that it starts from; an overlay's policies come before others."""
        if arm not in self.arms:
            self._place(self.config["policies"][arm]["init"])
            self.arms.append(arm)

    def instances_of(self, arm: str) -> list[str]:
        """The instances of an arm that count: one a seed, where anything in it was trained."""
        seeds = self.config["seeds"]
        alone = seeds is None or arm == "base"
        alone = alone or (self.is_prompted(arm) and self.entry(arm)["init"] == "base")
        return [arm] if alone else [f"{arm}/seed{seed}" for seed in seeds]

    def candidates_of(self, arm: str) -> list[str]:
        """The instances that are trained to choose settings of an arm."""
        tuned = self.candidates and arm != "base" and not self.is_prompted(arm)
        count = len(self.candidate_settings(arm)) if tuned else 0
        return [f"{arm}/candidate{i}" for i in range(count)]

    def candidate_settings(self, arm: str) -> list[dict]:
        return self.config["policies"][arm].get("candidates", self.candidates)

    def is_tuned(self, instance: str) -> bool:
        """Whether its settings are those that won among candidates."""
        arm, _, label = instance.partition("/")
        return bool(self.candidates_of(arm)) and not label.startswith("candidate")

    @staticmethod
    def is_copy(instance: str) -> bool:
        """Whether this is the policy that won among an arm's candidates, copied."""
        return instance.partition("/")[2] == "tuned"

    @cached_property
    def trained(self) -> list[str]:
        """Every instance that is trained, candidates included."""
        arms = [arm for arm in self.arms[1:] if not self.is_prompted(arm)]
        return [i for arm in arms for i in (*self.candidates_of(arm), *self.instances_of(arm))]

    @cached_property
    def trained_instances(self) -> list[str]:
        """The instances that count and are trained."""
        trained = set(self.trained)
        return [one for one in self.instances if one in trained]

    def trained_by(self, *objectives: str) -> list[str]:
        """Every instance that is trained with one of these objectives, candidates included."""
        return [one for one in self.trained if self.objective(one) in objectives]

    def weights_of(self, instance: str) -> str | None:
        """The instance whose training made these weights; None for base, and for a candidate's copy."""
        while instance != "base" and self.is_prompted(instance):
            instance = self.init(instance)
        return None if instance == "base" or self.is_copy(instance) else instance

    def chain(self, instances: list[str]) -> list[str]:
        """instance=the one it starts from, for those that start from another of these."""
        pairs = [(one, self.init(one)) for one in instances]
        return [f"{one}={init}" for one, init in pairs if init in instances]

    def entry(self, instance: str) -> dict:
        return self.config["policies"][instance.partition("/")[0]]

    def objective(self, instance: str) -> str:
        return self.entry(instance)["objective"]

    def is_reinforced(self, instance: str) -> bool:
        """Whether it is trained by reinforcement learning."""
        return self.objective(instance) in METHODS

    def pays_first_alone(self, instance: str) -> bool:
        """Whether that pays first attempts and no others, by which its candidates are then chosen."""
        return self.is_reinforced(instance) and METHODS[self.objective(instance)].one_turn

    def is_fine_tuned(self, instance: str) -> bool:
        """Whether it is fine-tuned on chosen corrections, in rounds."""
        return self.objective(instance) in FINE_TUNED

    def is_prompted(self, instance: str) -> bool:
        """Whether it is a way to prompt another policy, without weights of its own."""
        return self.objective(instance) in PROMPTED

    def prompting(self, instance: str) -> str:
        """How an instance is led from one attempt to the next where it is evaluated."""
        objective = None if instance == "base" else self.objective(instance)
        if objective in METHODS:
            return METHODS[objective].prompting
        return {**PROMPTED, **PROMPTING}.get(objective or "", "correction")

    def init(self, instance: str) -> str:
        """The instance that the training of `instance` starts from, of the same seed."""
        return self._beside(instance, self.entry(instance)["init"])

    def reference(self, instance: str) -> str:
        """The instance whose weights are π_ref of the KL."""
        return self._beside(instance, self.entry(instance).get("reference", "base"))

    def _beside(self, instance: str, arm: str) -> str:
        """The instance of another arm with the same seed; for candidates the one that won there."""
        label = instance.partition("/")[2]
        if arm == "base" or not label:
            return arm
        return f"{arm}/{'tuned' if label.startswith('candidate') else label}"

    def seed(self, instance: str) -> int:
        label = instance.partition("/")[2]
        if label.startswith("candidate"):
            return self.config["tuning"]["random_seed"]
        return int(label.removeprefix("seed")) if label else self.config["random_seed"]

    def settings(self, instance: str) -> dict:
        """Settings of a training: an entry wins over its objective's sections, a candidate over all."""
        arm, _, label = instance.partition("/")
        entry = self.entry(instance)
        merged = {"num_turns": 1 if self.pays_first_alone(instance) else self.config["num_turns"]}
        for section in sections_of(entry["objective"]):
            merged |= self.config[section]
        merged |= {key: value for key, value in entry.items() if key not in ORIGIN_KEYS}
        if label.startswith("candidate"):
            merged |= self.candidate_settings(arm)[int(label.removeprefix("candidate"))]
        return merged | {"random_seed": self.seed(instance)}

    def problems(self, instance: str) -> int | None:
        """How many problems an instance is trained on; None where that is not known yet."""
        return self.settings(instance)["training_problems"] or self.config["problems"]["train_size"]

    def is_validated(self, instance: str) -> bool:
        """Whether it is measured on the validation problems while it is trained."""
        steps = self.settings(instance).get("validation_steps")
        return self.is_reinforced(instance) and steps is not None

    def iterations(self, instance: str) -> int:
        """How often an instance is fine-tuned."""
        return (
            self.settings(instance)["iterations"]
            if self.objective(instance) == "self_taught"
            else 1
        )

    def pool(self, instance: str) -> str | None:
        """The instance that first attempts are sampled from ahead of the training, if any."""
        objective, settings = self.objective(instance), self.settings(instance)
        if objective == "pair_sft" or (
            objective == "self_taught" and settings["variant"][0] == "F"
        ):
            return self.init(instance)
        return "base" if settings.get("offline_first_attempts") else None

    # ------------------------------------------------------------------------------------- evaluations
    @cached_property
    def evaluations(self) -> dict[str, Evaluation]:
        """By name. `test` makes the results table, the others the analyses and the tuning."""
        asked, found = self.config["analyses"], [Evaluation("test", "test", self.instances)]
        tried = [one for arm in self.arms[1:] for one in self.candidates_of(arm)]
        if tried:
            found.append(Evaluation("validation", "validation", tried))
        if asked["train_problems"]:
            size = {"num_problems": asked["train_problems"]}
            found.append(Evaluation("train", "train", self.instances, size))
        if asked["fixed_first_attempts"]:
            own = self.trained_instances
            found.append(Evaluation("fixed", "test", own, first_attempts_of="base"))
        for temperature in asked["temperatures"]:
            settings = {"temperature": temperature}
            found.append(Evaluation(f"temperature{temperature}", "test", self.instances, settings))
        for name in SAMPLED:
            settings = dict(asked[name])
            instances = [one for arm in settings.pop("policies") for one in self.instances_of(arm)]
            if instances:
                found.append(Evaluation(name, "test", instances, settings))
        found += self._crossed()
        return {evaluation.name: evaluation for evaluation in found}

    def _crossed(self) -> list[Evaluation]:
        """Corrections of each instance's first attempts by others, of its seed where both have one."""
        settings, found = dict(self.config["analyses"]["cross_refinement"]), []
        arms = settings.pop("policies")
        for arm in arms:
            others = [one for other in arms if other != arm for one in self.instances_of(other)]
            for source in self.instances_of(arm):
                label = source.partition("/")[2]
                by = [one for one in others if one.partition("/")[2] in ("", label) or not label]
                name = f"corrects/{source}"
                found.append(Evaluation(name, "test", by, settings, first_attempts_of=source))
        return found

    def folders(self) -> list[str]:
        """What no policy may be called: folders of the run, and evaluations, which are folders too."""
        return ["base", *FOLDERS, *self.evaluations]

    def vote_budgets(self) -> list[int]:
        """Attempts that are voted over: 2, 4, 8 … up to all samples of a problem."""
        most = self.config["analyses"]["scaling"]["samples"]
        return [2**i for i in range(1, most.bit_length()) if 2**i <= most]
