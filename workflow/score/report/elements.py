"""HTML as a tree, so that every text is escaped by the writer and none by hand."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

Content = str | Element | None | Iterable["Content"]


def element(tag: str, /, *content: Content, **attributes) -> Element:
    """An element with attributes and content; None is left out, lists are taken apart.

    An attribute's `_` becomes `-`, one at its end is dropped (`class_`); True stands for an attribute
    without a value, and None leaves it out.
    """
    made = Element(tag)
    for key, value in attributes.items():
        if value is not None and value is not False:
            key = key.removesuffix("_").replace("_", "-")
            made.set(key, "" if value is True else str(value))
    _append(made, content)
    return made


def folded(title: str, *content: Content) -> Element:
    """Content that is opened by a click on its title."""
    return element("details", element("summary", title), *content)


def _append(parent: Element, content: Content) -> None:
    if content is None:
        return
    if isinstance(content, Element):
        parent.append(content)
    elif isinstance(content, str):
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + content
        else:
            parent.text = (parent.text or "") + content
    else:
        for part in content:
            _append(parent, part)


def html_text(root: Element) -> str:
    """The tree as an HTML document. The content of <script> and <style> is written as it is."""
    return "<!DOCTYPE html>\n" + tostring(root, encoding="unicode", method="html") + "\n"
