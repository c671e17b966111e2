"""What all commands of the package share: flags with a line of help each, and errors in one line."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec


class Command:
    """`python -m MODULE`, made at the top of its module: `COMMAND = Command(__spec__, __doc__)`.

    The first line of the docstring is the command's description.
    """

    def __init__(self, spec: ModuleSpec, description: str):
        self.name = spec.name.removesuffix(".__main__")
        self.description = description.partition("\n")[0]

    def flags(self, arguments: list[str] | None = None, **flags: str | dict) -> argparse.Namespace:
        """Parse flags, by default those of the command line.

        flags: by name, the help of a required flag, or a dictionary of argparse's options, as made
        by `optional`, `several` and `words`.
        """
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.name}", description=self.description
        )
        for name, options in flags.items():
            text = isinstance(options, str)
            options = {"help": options, "required": True} if text else {**options}
            if not options.pop("positional", False):
                name = f"--{name.replace('_', '-')}"
            parser.add_argument(name, **options)
        return parser.parse_args(arguments)

    @contextmanager
    def errors(self, *kinds: type[Exception]) -> Iterator[None]:
        """End the command with its name and one message where the body raises one of `kinds`.

        Without kinds: ValueError. score.jobs.failures finds such lines in the log of a job.
        """
        kinds = kinds or (ValueError,)
        try:
            yield
        except kinds as error:
            sys.exit(f"{self.name}: {error}")


def optional(help_text: str, **options) -> dict:
    """A flag that may be left out."""
    return {"help": help_text, **options}


def several(help_text: str, **options) -> dict:
    """A required flag with one or more values."""
    return {"help": help_text, "required": True, "nargs": "+", **options}


def words(help_text: str, **options) -> dict:
    """Any number of values without a flag in front of them."""
    return {"help": help_text, "nargs": "*", "positional": True, **options}
