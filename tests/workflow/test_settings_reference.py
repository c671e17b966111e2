"""The settings reference says what config and schema say, and equations need no JavaScript."""

import re
import sys

import pytest
import yaml
from places import DEFAULT, ROOT

CONFIG = (ROOT / "configs/config.yaml").read_text()
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture
def hooks(monkeypatch):
    """The modules of docs/hooks, imported as mkdocs does it."""
    monkeypatch.syspath_prepend(ROOT / "docs/hooks")
    import settings_reference
    import site_steps

    yield settings_reference, site_steps
    for name in ("settings_reference", "site_steps"):
        del sys.modules[name]


def leaves(part, path=()):
    for key, value in part.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def row_of(page, *path):
    """Name and default, meaning, and what is allowed, of the setting whose anchor is this path."""
    anchor = re.escape("{#" + "-".join(path) + "}")
    (row,) = re.findall(rf"^\| (`[^`]+`{anchor}.*) \|$", page, re.MULTILINE)
    return re.fullmatch(r"(.+) \| (.*)<br><small>(.*)</small>", row).groups()


def test_every_setting_has_its_row(hooks):
    page = hooks[0].settings_page(CONFIG, SCHEMA)
    for path in leaves({key: value for key, value in DEFAULT.items() if key != "policies"}):
        section = path if len(path) > 1 else ("run", *path)
        if DEFAULT.get(path[0]) == {}:  # a section without settings of its own
            assert f"## `{path[0]}`" in page
        else:
            assert all(row_of(page, *section))


def test_every_key_of_the_schema_is_on_the_page(hooks):
    said = (ROOT / "docs/settings.md").read_text() + hooks[0].settings_page(CONFIG, SCHEMA)
    entry = SCHEMA["properties"]["policies"]["additionalProperties"]["properties"]
    for name in (*SCHEMA["properties"], *SCHEMA["properties"]["problems"]["properties"], *entry):
        assert f"`{name}`" in said


def test_a_row_has_default_what_is_allowed_and_the_whole_meaning(hooks):
    page = hooks[0].settings_page(CONFIG, SCHEMA)
    assert row_of(page, "training", "importance_ratio_cap") == (
        "`importance_ratio_cap`{#training-importance_ratio_cap} `2.0`{.default}",
        "most that a token counts for by such a ratio; what it cuts off is a bias \\[no such ratio\\]",
        "number, at least 1",
    )
    _, meaning, allowed = row_of(page, "run", "attn_implementation")
    assert "`null`, `eager`, `sdpa`" in allowed
    assert meaning.endswith("right for sliding windows and sinks")  # its comment has two lines
    assert row_of(page, "analyses", "scaling", "samples")[2] == "whole number, at least 2"
    assert row_of(page, "run", "seeds")[2].startswith("list of: whole number, at least 0")
    assert "&lt;think&gt;" not in row_of(page, "verifier", "reasoning_tags")[0]


def test_a_changed_comment_default_or_limit_changes_the_page(hooks):
    config = (
        "# The run.\n\nseed: 7 # of *all*\n\n# About a\n# section.\nsection:\n  size: 3 # <b> [5]\n"
    )
    rules = {"seed": {"type": "integer", "minimum": 2}}
    rules["section"] = {"properties": {"size": {"type": ["number", "null"], "exclusiveMinimum": 0}}}
    page = hooks[0].settings_page(config, {"properties": rules})
    assert row_of(page, "run", "seed")[1:] == (r"of \*all\*", "whole number, at least 2")
    assert "## `section`\n\nAbout a section.\n\n" in page
    assert row_of(page, "section", "size")[1:] == (r"&lt;b&gt; \[5\]", "number, above 0 or null")


def test_a_setting_that_the_schema_does_not_know_ends_the_build(hooks):
    with pytest.raises(KeyError, match="unheard"):
        hooks[0].settings_page("unheard: 1 # of\n", {"properties": {}})


def test_equations_become_mathml_and_code_of_tables_has_no_escapes(hooks):
    html = (
        '<p><span class="arithmatex">\\(r &lt; 1\\)</span></p>'
        '<div class="arithmatex">\\[\n\\frac{1}{2}\n\\]</div><table><td><code>a\\|b</code></td></table>'
    )
    made = hooks[1].on_page_content(html, None, None, None)
    assert made.count("<math") == 2
    assert "<mfrac>" in made
    assert 'display="block"' in made
    assert "arithmatex" not in made
    assert "<code>a|b</code>" in made
