"""What all commands of the package share: flags with a line of help each, and errors in one line."""

import argparse
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec

from score.files.errors import SiteError, full_disk, is_full
from score.files.visible import visible_lines
from score.jobs.start_up import end_imports

INTERRUPTED = 130  # exit status after Ctrl-C, as shells give it
UNREAD = 141  # and where nobody reads what is printed: `| head`
OWN_TASK = "score_task_"  # begins the name under which score.tasks imports a user's file


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
            self._end(str(error))

    def run(self, main: Callable[[], None]) -> None:
        """Run the command; what is wrong with its files, its machine or a user's own task ends it in one
        message, and so do Ctrl-C and a reader that is gone. Another exception is a fault of the code and
        keeps its traceback.
        """
        end_imports()
        sys.excepthook = _print_traceback
        try:
            try:
                main()
            finally:
                sys.stdout.flush()
        except KeyboardInterrupt:
            print(f"{self.name}: interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            if not _reader_is_gone():
                raise
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # for the flush at the end
            sys.exit(UNREAD)
        except SiteError as error:
            self._end(str(error))
        except OSError as error:
            self._end(_of_file(error))
        except Exception as error:
            said = full_disk(os.getcwd()) if is_full(error) else _of_own_task(error)
            if said is None:
                raise
            self._end(said)

    def _end(self, message: str) -> None:
        sys.exit(f"{self.name}: {visible_lines(message)}")


def _print_traceback(*error) -> None:
    """As Python does, but for texts of data and models in it that would steer the terminal."""
    print(visible_lines("".join(traceback.format_exception(*error))), end="", file=sys.stderr)


def _reader_is_gone() -> bool:
    """Whether standard output is a pipe that nobody reads any more; another pipe may have broken."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _of_file(error: OSError) -> str:
    if is_full(error):
        return full_disk(error.filename or "a file of this command")
    if error.filename is None:
        return f"{type(error).__name__}: {error}"
    return (
        f"{error.filename} can't be read or written ({error.strerror}); expected a file or folder that "
        "can. Correct the path or its permissions."
    )


def _of_own_task(error: Exception) -> str | None:
    """The error and its place where a user's own task raised it; None where other code did."""
    place, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").startswith(OWN_TASK):
            place = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    if place is None:
        return None
    return f"the task's own code raised {type(error).__name__}: {error} ({place}). Mend it there."


def optional(help_text: str, **options) -> dict:
    """A flag that may be left out."""
    return {"help": help_text, **options}


def several(help_text: str, **options) -> dict:
    """A required flag with one or more values."""
    return {"help": help_text, "required": True, "nargs": "+", **options}


def words(help_text: str, **options) -> dict:
    """Any number of values without a flag in front of them."""
    return {"help": help_text, "nargs": "*", "positional": True, **options}
