"""Pages opened from the disk in a real headless Chromium, with all that they say of themselves."""

import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-headless-shell")


@contextmanager
def browser():
    """A running Chromium. Skips the test where it or playwright is not there."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


def open_page(browser, path, address="", **options):
    """The page of a file, ready to use; `page.complaints` collects errors and console messages."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"{path.resolve().as_uri()}{address}")
    page.wait_for_selector("#browser[data-ready]", timeout=20_000)
    return page


def settle(page):
    """Wait until the page shows what was chosen last."""
    page.wait_for_selector("#browser:not([aria-busy=true])", timeout=20_000)
