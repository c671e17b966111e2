"""What all commands of the package share: flags with a line of help, errors in one line, exit status.

0: done. 1: something failed, or what was looked for was found. 2: wrong flags or input, which have to be
mended before it is of use to try again. 75: told to stop, and saved; 130: Ctrl-C; 141: nobody reads on.
"""

import argparse
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NoReturn

from score.files.errors import SiteError, full_disk, is_full
from score.files.visible import visible_lines
from score.jobs.progress import erase
from score.jobs.start_up import end_imports

FAILED = 1  # exit status where the work could not be done, or found something
REFUSED = 2  # and of wrong flags or input, as argparse gives it
INTERRUPTED = 130  # exit status after Ctrl-C, as shells give it
UNREAD = 141  # and where nobody reads what is printed: `| head`
EXIT_STATUS = "exit status: 0 done; 1 failed; 2 wrong flags or input, named in one message."
OWN_TASK = "score_task_"  # begins the name under which score.tasks imports a user's file


class Ended(SystemExit):
    """The end of a command whose message has been printed. code: its exit status; str(): the message."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.code = status


class Command:
    """`python -m MODULE`, made at the top of its module: `COMMAND = Command(__spec__, __doc__)`.

    The first sentence of the docstring is the command's description. The indented lines after it are the
    example that its help ends with, and the rest of the docstring follows them there.
    """

    def __init__(self, spec: ModuleSpec | None, description: str, exit_status: str = EXIT_STATUS):
        assert spec is not None, "run it by `python -m`, not by the path of its file"
        self.name = spec.name.removesuffix(".__main__")
        self.description, _, rest = description.strip().partition("\n\n")
        self.below = help_below(rest, exit_status)

    def flags(self, arguments: list[str] | None = None, **flags: str | dict) -> argparse.Namespace:
        """Parse flags, by default those of the command line.

        flags: by name, the help of a required flag, or a dictionary of argparse's options, as made
        by `optional`, `several` and `words`.
        """
        typed = script_name() or f"python -m {self.name}"
        parser = argparse.ArgumentParser(
            prog=typed,
            description=self.description,
            epilog=self.below.replace(f"python -m {self.name}", typed),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, given in flags.items():
            if isinstance(given, str):
                given = {"help": given, "required": True}
            options: dict[str, Any] = {**given}
            if not options.pop("positional", False):
                name = f"--{name.replace('_', '-')}"
            parser.add_argument(name, **options)
        return parser.parse_args(arguments)

    @contextmanager
    def errors(self, *kinds: type[Exception]) -> Iterator[None]:
        """End the command with its name and one message where the body raises one of `kinds`.

        Without kinds: ValueError. The status is 2, but 1 for a RuntimeError, which is no mistake in what
        was given. score.jobs.failures finds such lines in the log of a job.
        """
        kinds = kinds or (ValueError,)
        try:
            yield
        except kinds as error:
            self.end(str(error), FAILED if isinstance(error, RuntimeError) else REFUSED)

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
                erase()
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
            self.end(str(error))
        except OSError as error:
            self.end(_of_file(error), REFUSED if isinstance(error, _OF_A_PATH) else FAILED)
        except Exception as error:
            said = full_disk(os.getcwd()) if is_full(error) else _of_own_task(error)
            if said is None:
                raise
            self.end(said)

    def end(self, message: str, status: int = FAILED) -> NoReturn:
        """Print the command's name and the message, and end it with that exit status."""
        erase()
        told = f"{self.name}: {visible_lines(message)}"
        print(told, file=sys.stderr, flush=True)
        raise Ended(told, status)


def script_name() -> str:
    """What was typed where a command was started by its script, `score-verify`; else empty."""
    started = Path(sys.argv[0]).name
    return started if started.startswith("score-") else ""


def help_below(text: str, exit_status: str = EXIT_STATUS) -> str:
    """What the help of a command says below its flags. text: its docstring after the first sentence."""
    parts = ["example:"] * text.startswith("    ") + [text.rstrip("\n"), exit_status]
    return "\n\n".join(filter(None, parts))


# what is wrong with a path that was given, rather than with the disk or the network
_OF_A_PATH = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


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
