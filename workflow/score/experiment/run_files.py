"""Where a run's files are: what rules take as input, and the flags that name further files."""

from pathlib import Path

from score.experiment.job_settings import JobSettings
from score.experiment.plan import Plan
from score.fine_tuning.settings import CORRECTING


class RunFiles:
    """The files of a config's run, below `results` = results/{run_name}."""

    def __init__(self, plan: Plan):
        self.plan, self.config, self.jobs = plan, plan.config, JobSettings(plan)
        self.results = f"results/{self.config['run_name']}"

    # ------------------------------------------------------------------------------- given by a person
    def problem_sources(self) -> list[str]:
        """Local files of problems; hub names are not files."""
        return [file for place in self._problem_places() for file in _files_below(place)]

    def _problem_places(self) -> list[str]:
        problems, places = self.config["problems"], []
        for place in (problems["data_path"], problems["test_path"]):
            places += place if isinstance(place, list) else [place]
        return [place for place in places if place]

    def hub_names(self) -> list[str]:
        """What comes from the hub: the policy and sources of problems that are nothing here."""
        named = [self.config["model_path"], *self._problem_places()]
        return [n for n in named if not (n.startswith((".", "/", "~")) or Path(n).exists())]

    def task(self) -> list[str]:
        """The file of a task of the user's own; those of the package are code."""
        return _files_below(self.config["task_type"])

    def prompts(self) -> list[str]:
        """Files behind the prompts besides the questions: worked examples, chat template, own task."""
        folder, task = self.config["few_shot_dir"], Path(self.config["task_type"]).stem
        few_shot = sorted(map(str, Path(folder).glob(f"{task}_*.json"))) if folder else []
        template = self.config["prompts"]["chat_template"]
        return [*few_shot, *(_files_below(template) if template else []), *self.task()]

    def few_shot_flag(self) -> list[str]:
        return flag("--few-shot-dir", self.config["few_shot_dir"])

    # ----------------------------------------------------------------------------------------- policies
    def policy(self, instance: str) -> str:
        """Where the weights of an instance are: base is given, the others are trained from it."""
        plan = self.plan
        if instance == "base":
            return self.config["model_path"]
        if plan.is_prompted(instance):
            return self.policy(plan.init(instance))
        if plan.is_fine_tuned(instance) and not plan.is_copy(instance):
            return self.policy_after(instance, plan.iterations(instance))
        return f"{self.results}/{instance}/policy"

    def policy_after(self, instance: str, iteration: int) -> str:
        """The policy after a round of fine-tuning; after none, the one that the first round finds."""
        if iteration == 0:
            return self.policy(self.plan.init(instance))
        return f"{self.results}/{instance}/iteration{iteration}/policy"

    def tuned_from(self, instance: str, iteration: int) -> str:
        """The policy whose weights a round goes on from, the Fixed or the Evolving one."""
        fixed = self.tuned_instance(instance, iteration) != instance
        return self.policy_after(instance, 0 if fixed else iteration - 1)

    def tuned_instance(self, instance: str, iteration: int) -> str:
        """The instance that this policy belongs to: itself after a round of an Evolving one."""
        plan = self.plan
        once = plan.objective(instance) != "self_taught"
        fixed = once or plan.settings(instance)["variant"][2] == "F"
        return plan.init(instance) if fixed or iteration == 1 else instance

    def as_input(self, policy: str) -> str | list[str]:
        """A policy's path as a rule's input: of base its files, which are none on the hub."""
        return _files_below(policy) if policy == self.config["model_path"] else policy

    # --------------------------------------------------------------------------------------- trainings
    def tuned_flag(self, instance: str) -> list[str]:
        """What won among the candidates of an arm goes over the settings of its instances."""
        tuned = f"{self.results}/{instance.partition('/')[0]}/tuned.json"
        return ["--tuned", tuned] if self.plan.is_tuned(instance) else []

    def first_attempts_flag(self, instance: str) -> list[str]:
        """The first attempts that were sampled ahead, where a training starts from such."""
        if self.plan.pool(instance) is None:
            return []
        return ["--first-attempts", self._first_attempts(instance, "first_attempts.parquet")]

    def _first_attempts(self, instance: str, name: str) -> str:
        """A file of the job that samples first attempts for this instance, and may for others."""
        return f"{self.results}/{self.jobs.sampled_by(instance, 0)}/{name}"

    def _corrections(self, instance: str, iteration: int, name: str) -> str:
        """A file of the job that samples a round of this instance, and may for others."""
        sampled_by = self.jobs.sampled_by(instance, iteration)
        return f"{self.results}/{sampled_by}/iteration{iteration}/{name}"

    def validation_flag(self, instance: str) -> list[str]:
        """The problems that a training is validated on, where it is."""
        validated = self.plan.is_validated(instance)
        return ["--validation", f"{self.results}/problems/validation.jsonl"] if validated else []

    def fixed_flag(self, evaluation: str) -> list[str]:
        """First attempts of one instance, for an evaluation of corrections of these."""
        given = self.plan.evaluations[evaluation].first_attempts_of
        return ["--first-attempts", f"{self.results}/{given}/test/sampled.parquet"] if given else []

    def choice_from(self, instance: str, iteration: int) -> str:
        """What examples are chosen from: the corrections of a round, or for Pair-SFT first attempts."""
        if self.plan.objective(instance) == "pair_sft":
            return self._first_attempts(instance, "first_attempts.parquet")
        return self._corrections(instance, iteration, "sampled.parquet")

    def given_attempts(self, instance: str) -> str:
        """The file of attempts that a supervised policy imitates."""
        return self.config["policies"][instance.partition("/")[0]]["attempts_path"]

    # ------------------------------------------------------------- lists of instance=file, for analyses
    def attempts(self, evaluation: str) -> list[str]:
        """instance=verified attempts, for every instance of an evaluation; none if it is not made."""
        evaluations = self.plan.evaluations
        instances = evaluations[evaluation].instances if evaluation in evaluations else []
        return [f"{one}={self.results}/{one}/{evaluation}/attempts.parquet" for one in instances]

    def crossed(self) -> list[str]:
        """corrector:source=verified corrections of first attempts, for each two that cross-refine."""
        return [
            f"{one}:{evaluation.first_attempts_of}={self.results}/{one}/{name}/attempts.parquet"
            for name, evaluation in self.plan.evaluations.items()
            if name.startswith("corrects/")
            for one in evaluation.instances
        ]

    def own_of_crossed(self) -> list[str]:
        """instance=verified attempts of its own, for those whose first attempts others correct."""
        arms = self.plan.config["analyses"]["cross_refinement"]["policies"]
        return [a for a in self.attempts("test") if a.partition("=")[0].partition("/")[0] in arms]

    def records(self, instances: list[str]) -> list[str]:
        """instance=training records; one for each round of fine-tuning."""
        found = []
        for one in instances:
            if self.plan.is_fine_tuned(one):
                found += self._in_rounds(one, "training.jsonl")
            else:
                found.append(f"{one}={self.results}/{one}/training.jsonl")
        return found

    def choices(self) -> list[str]:
        """instance=report of what a round of fine-tuning chose."""
        return [
            report
            for one in self.plan.trained_instances
            if self.plan.is_fine_tuned(one)
            for report in self._in_rounds(one, "examples.json")
        ]

    def sampling_seconds(self) -> list[str]:
        """instance=benchmark file of each job that only sampled for its training, or for others' too."""
        found = []
        for one in self.plan.trained_instances:
            if self.plan.pool(one) is not None:
                found.append(f"{one}={self._first_attempts(one, 'first_attempts.tsv')}")
            if self.plan.objective(one) in CORRECTING:
                rounds = self._rounds(one)
                found += [f"{one}={self._corrections(one, i, 'sample.tsv')}" for i in rounds]
        return found

    def _in_rounds(self, instance: str, name: str) -> list[str]:
        rounds = self._rounds(instance)
        return [f"{instance}={self.results}/{instance}/iteration{i}/{name}" for i in rounds]

    def _rounds(self, instance: str) -> range:
        return range(1, self.plan.iterations(instance) + 1)


def flag(name: str, values: str | list[str] | None) -> list[str]:
    """A flag of a command with its values; nothing without values."""
    return [name, *([values] if isinstance(values, str) else values)] if values else []


def in_flag(flag: list[str]) -> list[str]:
    """The files that a flag names, as a rule's input."""
    return flag[1:]


def in_pairs(pairs: list[str]) -> list[str]:
    """The files of instance=file, as a rule's input."""
    return [pair.partition("=")[2] for pair in pairs]


def _files_below(path: str) -> list[str]:
    """A file, or the files of a folder, since a folder does not show that one has changed.

    Hidden files are left out: a file manager or a download may write them at any time.
    """
    top = Path(path)
    found = [top] if top.is_file() else top.rglob("*")
    return sorted(str(file) for file in found if file.is_file() and not _hidden(file, top))


def _hidden(file: Path, top: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in file.relative_to(top).parts)
