"""The chat template that settings name in place of the tokenizer's own, and the variables it reads.

Both change what a policy is asked, so a setting of them that does nothing is refused.
"""

import multiprocessing
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from score.jobs.lifeline import end_with_parent

DEADLINE = 10.0  # seconds for a handful of renderings, which take milliseconds

# What `render` gives a template itself, with the setting that changes it.
_RESERVED = {
    "messages": "first_prompt and its neighbours",
    "add_generation_prompt": "no setting",
    "continue_final_message": "no setting",
    "chat_template": "prompts.chat_template",
    "tokenize": "no setting",
    "tools": "no setting",
    "documents": "no setting",
    "date_string": "prompts.template_date",
    "strftime_now": "prompts.template_date",
}
# Variables that transformers defines for every template.
_GIVEN = {*_RESERVED, "raise_exception", "bos_token", "eos_token", "pad_token", "unk_token"}

_ASKS_IF_DEFINED = ("defined", "undefined", "default", "d")  # tests and filters of Jinja


def shipped_templates() -> dict[str, Path]:
    """The chat templates that the installed TRL ships, by name; its training variants among them."""
    spec = find_spec("trl")
    folder = Path(spec.origin).parent / "chat_templates" if spec and spec.origin else None
    return {path.stem: path for path in sorted(folder.glob("*.jinja"))} if folder else {}


def template_text(chat_template: str) -> str:
    """The template in a file, or the one of that name that TRL ships; ValueError where there is none."""
    path = Path(chat_template)
    if not path.is_file():
        shipped = shipped_templates()
        if chat_template not in shipped:
            raise ValueError(
                f"chat_template is {chat_template!r}; expected a Jinja file that is there, or a name "
                f"of TRL's: {', '.join(shipped)}. Correct it, or set it to null for the tokenizer's own."
            )
        path = shipped[chat_template]
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"chat_template is {chat_template!r}, which can't be read as text ({error}); expected a "
            "Jinja file. Name another."
        ) from None


def variables_of(template: str) -> set[str]:
    """The variables that a template reads and settings may give; jinja2.TemplateError if it is broken.

    A name that the template sets itself is one only where it sets a default of it: where it asks, in
    the assignment or in a condition around it, whether the name is defined.
    """
    from jinja2 import nodes
    from jinja2.meta import find_undeclared_variables
    from transformers.utils.chat_template_utils import _compile_jinja_template

    def stored(*found: nodes.Node) -> set[str]:
        names = [name for node in found for name in (node, *node.find_all(nodes.Name))]
        return {n.name for n in names if isinstance(n, nodes.Name) and n.ctx == "store"}

    def asked(node: nodes.Node) -> set[str]:
        tests = [node, *node.find_all((nodes.Test, nodes.Filter))]
        tests = [t for t in tests if getattr(t, "name", None) in _ASKS_IF_DEFINED]
        return {test.node.name for test in tests if isinstance(test.node, nodes.Name)}

    environment = _compile_jinja_template(template).environment
    tree = environment.parse(template)
    defaults = set()
    for branch in tree.find_all(nodes.If):
        defaults |= stored(*branch.body, *branch.else_) & asked(branch.test)
    for assignment in tree.find_all(nodes.Assign):
        defaults |= stored(assignment.target) & asked(assignment.node)
    read = find_undeclared_variables(tree) - (stored(tree) - defaults)
    return {name for name in read if name not in {*_GIVEN, *environment.globals}}


def check_reserved(kwargs: Mapping) -> None:
    """ValueError where chat_template_kwargs would take the place of what the prompts are made of."""
    for name in kwargs:
        if name in _RESERVED:
            raise ValueError(
                f"chat_template_kwargs holds {name!r}, which is given to templates already; expected "
                f"variables of the template's own. Remove it; what changes it is {_RESERVED[name]}."
            )


def check_of_use(own: str | dict | None, chat_template: str | None, kwargs: Mapping) -> None:
    """ValueError where a setting changes nothing. own: the template of the policy's tokenizer."""
    own = own.get("default") if isinstance(own, dict) else own  # one of several by name
    text = own if chat_template is None else template_text(chat_template)
    if chat_template is not None and own is not None and text.strip() == own.strip():
        raise ValueError(
            f"chat_template is {chat_template!r}, which is the tokenizer's own; expected another. Set "
            "it to null."
        )
    if not kwargs or not text:
        return
    from jinja2 import TemplateError

    try:
        read = variables_of(text)
    except TemplateError:
        return  # rendering it tells the line
    for name in kwargs:
        if name not in read:
            known = f"one of {', '.join(sorted(read))}" if read else "none, since it reads none"
            raise ValueError(
                f"chat_template_kwargs holds {name!r}, which the chat template doesn't read; expected "
                f"{known}. Correct or remove it."
            )


def check_each_changes(asked: Callable[[dict], list[str]], kwargs: Mapping) -> None:
    """ValueError where a variable changes nothing of what the policy is asked.

    Such is one that is set to the template's own default. asked: all that is rendered, given variables.
    """
    shown = asked(dict(kwargs))
    for name, value in kwargs.items():
        if asked({other: kwargs[other] for other in kwargs if other != name}) == shown:
            raise ValueError(
                f"chat_template_kwargs sets {name!r} to {value!r}, which changes nothing that the "
                "policy is asked: it is what the chat template takes anyway. Remove it, or set another."
            )


def within_deadline(renders: Callable[[], object], seconds: float | None = None) -> None:
    """Call `renders` in a child process that is killed at the deadline; its ValueError is raised here.

    seconds: None for DEADLINE.

    The child is forked, since it only writes text: it has the tokenizer at once and needs no imports.
    """
    seconds = DEADLINE if seconds is None else seconds
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_report, args=(renders, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(seconds) else f"is not done after {seconds:g} s"
    except EOFError:
        found = "ended its process, probably for lack of memory"
    finally:
        child.kill()
        child.join()
        ours.close()
    if isinstance(found, str):
        raise ValueError(
            f"the chat template {found}; expected one that writes a short conversation at once. Look "
            "for a loop that doesn't end, or set prompts.chat_template to another."
        )
    if found:
        raise ValueError(found[0])


def _report(renders: Callable[[], object], connection) -> None:
    """Send the message of a ValueError in a list, or an empty list."""
    end_with_parent()  # a template that loops for ever must not outlive who would end it
    try:
        renders()
        connection.send([])
    except ValueError as error:
        connection.send([str(error)])
