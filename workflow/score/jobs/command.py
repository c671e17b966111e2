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

        A text makes a required flag with that help; `optional` and dictionaries of argparse's own
        options make others.
        """
        return self.parser(**flags).parse_args(arguments)

    def parser(self, **flags: str | dict) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"python -m {self.name}", description=self.description
        )
        for name, options in flags.items():
            if isinstance(options, str):
                options = {"help": options, "required": True}
            parser.add_argument(f"--{name.replace('_', '-')}", **options)
        return parser

    @contextmanager
    def errors(self, *kinds: type[Exception]) -> Iterator[None]:
        """End the command with its name and one message where the body raises one of `kinds`.

        Without kinds: ValueError. score.jobs.failures finds such lines in the log of a job.
        """
        expected = kinds or (ValueError,)
        try:
            yield
        except expected as error:
            sys.exit(f"{self.name}: {error}")


def optional(help_text: str, **options) -> dict:
    """A flag that may be left out."""
    return {"help": help_text, **options}


def several(help_text: str, **options) -> dict:
    """A required flag with one or more values."""
    return {"help": help_text, "required": True, "nargs": "+", **options}
