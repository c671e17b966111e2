"""The page as a person uses it, in a real Chromium: filters, keys, links, hostile texts, access."""

import pytest
from chromium import browser, open_page, settle
from reported_runs import HOSTILE, LONG, write_run
from score.report.__main__ import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(write_run(tmp_path_factory.mktemp("report") / "run"))


@pytest.fixture(scope="module")
def chromium():
    with browser() as launched:
        yield launched


@pytest.fixture
def page(chromium, report):
    page = open_page(chromium, report)
    yield page
    assert page.complaints == []
    page.context.close()


def _shown(page):
    return page.locator(".list li .id").all_text_contents()


def _chosen(page):
    return page.locator("article h3").inner_text().split(" ")[0].split("\n")[0]


def test_page_opens_on_a_correction_of_the_policy_it_is_about(page):
    assert page.locator("h1").inner_text() == "score corrects itself."
    assert _chosen(page) == "p0" and page.locator("article h4").inner_text() == "score ✗→✓"
    assert page.locator(".verdict").all_text_contents() == ["✗ wrong", "✓ right"]
    assert page.locator("article ins").first.inner_text().strip() == "I added wrongly."


@pytest.mark.parametrize(
    ("label", "choice", "shown"),
    [
        ("goes from", "wrong → right", ["p0"]),
        ("goes from", "right → wrong", ["p1", "p8"]),
        ("level", "1", ["p0", "p8"]),
        ("cut at the limit", True, ["p7"]),
        ("second opinion differs", True, ["p1"]),
        ("search", "GNP.exe", ["p4"]),
        ("search", "no such text", []),
    ],
)
def test_filters_leave_what_they_name(page, label, choice, shown):
    control = page.locator(".filters").get_by_label(label)
    if choice is True:
        control.check()
    elif label == "search":
        control.fill(choice)
    else:
        control.select_option(choice)
    settle(page)
    assert _shown(page) == shown
    assert page.get_by_role("status").inner_text() == f"{len(shown)} of 9 rollouts"


def test_levels_are_offered_in_the_order_of_numbers(page):
    assert page.locator(".filters").get_by_label("level").locator("option").all_text_contents() == [
        "all",
        "1",
        "2",
        "10",
    ]


def test_two_policies_stand_below_each_other_and_can_be_told_apart(page):
    page.locator(".filters").get_by_label("beside it").select_option("base")
    settle(page)
    assert page.locator("article h4").all_inner_texts() == ["score ✗→✓", "base ✓→✓"]
    page.locator(".filters").get_by_label("the two policies end differently").check()
    settle(page)
    assert page.get_by_role("status").inner_text() == "0 of 9 rollouts"


def test_keys_step_search_and_show_texts_as_written(page):
    page.keyboard.press("j")
    settle(page)
    page.keyboard.press("j")
    settle(page)
    assert _chosen(page) == "p2"
    page.keyboard.press("k")
    settle(page)
    assert _chosen(page) == "p1"
    page.keyboard.press("/")
    settle(page)
    page.keyboard.type("adds one")
    settle(page)
    assert _shown(page) == ["p1"]
    page.keyboard.press("Escape")
    settle(page)
    assert page.locator("article code.block").count() == 2
    page.keyboard.press("s")
    settle(page)
    assert page.locator("article code.block").count() == 0


def test_link_opens_the_same_view_again(chromium, report, page):
    page.locator(".filters").get_by_label("beside it").select_option("base")
    settle(page)
    page.locator(".filters").get_by_label("goes from").select_option("right → wrong")
    settle(page)
    page.keyboard.press("j")
    settle(page)
    address = page.evaluate("location.hash")
    assert address == page.locator("article a.link").get_attribute("href")
    again = open_page(chromium, report, address)
    assert _chosen(again) == "p8" and _shown(again) == ["p1", "p8"]
    assert again.locator("article h4").count() == 2 and again.complaints == []
    again.context.close()


@pytest.mark.parametrize(
    "address", ["#view&policy=nobody", "#view&transition=constructor&level=%00"]
)
def test_address_of_something_that_is_not_there_shows_what_is(chromium, report, address):
    page = open_page(chromium, report, address)
    assert page.get_by_role("status").inner_text() == "9 of 9 rollouts" and page.complaints == []
    page.context.close()


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_text_is_text(page, number):
    """All its characters are shown, those that nobody sees by their names, and nothing else happens."""
    text = list(HOSTILE.values())[number]
    page.locator(".filters").get_by_label("as written").check()
    settle(page)
    page.evaluate(f"location.hash = '#view&source=1&policy=score&problem=p{number + 2}'")
    page.locator("article h3", has_text=f"p{number + 2}").wait_for()
    shown = page.locator("article .attempt .text").first
    named = "".join(f"U+{ord(c):04X}" if _unseen(c) else c for c in text)
    assert shown.text_content() == named
    assert page.evaluate("window.spoiled") is None
    assert shown.locator("script, img, b, i, a").count() == 0


def _unseen(character):
    return character in "\u202e\u2066\u2069\u200e\u200f\u2028\u2029\x00\x1b\ufeff"


def test_formulas_of_hostile_texts_hold_no_link_and_no_style(page):
    page.evaluate("location.hash = '#view&policy=score&problem=p6'")
    page.locator("article h3", has_text="p6").wait_for()
    maths = page.locator("article .attempt .text math")
    assert maths.count() == 4  # two of each attempt; the broken third is text
    assert (
        page.locator("article math [href], article math [style], article a:not(.link)").count() == 0
    )
    assert "\\frac{1}{" in page.locator("article .attempt .text").first.text_content()


def test_long_text_is_shown_whole(page):
    page.locator(".filters").get_by_label("cut at the limit").check()
    settle(page)
    assert page.locator("article .attempt .text").first.text_content() == LONG


def test_formulas_and_code_are_drawn(page):
    assert page.locator("article .question math mfrac").count() == 2
    assert page.locator("article .answer math").count() == 1
    assert page.locator("article math .boxed").count() == 2
    height = page.locator("article .question math").bounding_box()["height"]
    assert height > 20  # a fraction stands on two lines
    page.keyboard.press("j")
    settle(page)
    assert page.locator("code.block .k").first.inner_text() == "def"
    assert page.locator("code.block ins").all_text_contents() == ["2"]
    assert page.locator("code.block del").all_text_contents() == ["1"]


def test_page_may_load_nothing_and_run_nothing_but_itself(page):
    blocked = """() => new Promise((done) => {
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
        const added = document.createElement("script");
        added.textContent = "window.spoiled = 5";
        document.body.append(added);
    })"""
    assert page.evaluate(blocked) == "script-src-elem"
    assert page.evaluate("window.spoiled") is None
    assert page.complaints.pop() and page.complaints == []


def test_large_attempts_beside_the_page_are_opened_when_they_are_asked_for(
    chromium, tmp_path, monkeypatch
):
    monkeypatch.setattr("score.report.__main__.MOST_BYTES", 1000)
    page = open_page(chromium, write_report(write_run(tmp_path / "run")))
    page.locator(".filters").get_by_label("beside it").select_option("base")
    settle(page)
    page.locator("article h4").nth(1).wait_for()
    assert page.complaints == []
    page.context.close()


def test_missing_part_is_named_and_the_rest_can_be_used(chromium, tmp_path, monkeypatch):
    monkeypatch.setattr("score.report.__main__.MOST_BYTES", 1000)
    written = write_report(write_run(tmp_path / "run"))
    (written.parent / "report_parts/0.js").unlink()
    page = open_page(chromium, written)
    page.locator(".filters select").first.select_option("base")
    page.get_by_text("report_parts/0.js is missing; keep it beside the report").wait_for()
    page.locator(".filters select").first.select_option("score")
    page.get_by_text("9 of 9 rollouts").wait_for()
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_accessible_and_fits_its_width(chromium, report, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    options = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": 844},
        "bypass_csp": True,
    }
    page = open_page(chromium, report, "#view&policy=score&other=base&problem=p1", **options)
    for element in page.locator("details").all():
        element.evaluate("(folded) => { folded.open = true; }")
    found = axe.Axe().run(page).response["violations"]
    grave = [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0].get("failureSummary"))
        for one in found
        if one["impact"] in ("serious", "critical", "moderate")
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()
