"""Formulas and code in texts of models, which may hold anything."""

import json
import re

import pytest
from score.report.text_pieces import code_runs, formula_tree, pieces, rendered, units


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so $x^2$ is", [("math", "x^2")]),
        ("$a$ and $b$", [("math", "a"), ("math", "b")]),
        ("It costs $5, or $6.", []),  # prices
        ("escaped \\$x\\$ here", []),
        ("open $x only", []),
        ("\\(a\\) \\[b\\] $$c$$", [("math", "a"), ("display", "b"), ("display", "c")]),
        ("\\begin{align*}a&=b\\end{align*}", [("display", "\\begin{align*}a&=b\\end{align*}")]),
        (
            "\\begin{align}\\begin{pmatrix}1\\end{pmatrix}\\end{align}",
            [("display", "\\begin{align}\\begin{pmatrix}1\\end{pmatrix}\\end{align}")],
        ),
        ("is \\boxed{\\frac{1}{2}}.", [("math", "\\boxed{\\frac{1}{2}}")]),
        ("```python\nx = 1\n```", [("python", "x = 1")]),
        ("```\n$x$\n```", [("text", "$x$")]),  # no formula within code
        ("", []),
    ],
)
def test_pieces_are_found_where_they_are_and_nowhere_else(text, found):
    assert [(kind, source) for _, _, kind, source in pieces(text)] == found
    for start, end, _, source in pieces(text):
        assert source in text[start:end]


def test_formula_becomes_a_tree_of_allowed_names_and_decoded_texts():
    assert formula_tree("\\frac{-1}{x}") == [
        *("math", {}),
        [
            *("mrow", {}),
            [
                *("mfrac", {}),
                ["mrow", {}, ["mo", {}, "−"], ["mn", {}, "1"]],
                ["mrow", {}, ["mi", {}, "x"]],
            ],
        ],
    ]


@pytest.mark.parametrize(
    "latex",
    [
        "\\href{javascript:alert(1)}{x}",
        "\\style{color:red}{x}",
        "\\class{page}{x}",
        "\\color{red}{x}",
        "\\text{<script>alert(1)</script>}",
        "\\hspace{9999cm}x",
    ],
)
def test_formula_brings_no_link_style_or_script(latex):
    text = json.dumps(formula_tree(latex))
    assert not re.search(r"href|\"style|color\":|9999|\[\"script", text), text


@pytest.mark.parametrize(
    "latex", ["{" * 600, "\\frac{" * 300, "\\left(" * 300, "x^" * 300, "\\begin{align}" * 100, "\\"]
)
def test_broken_formula_is_left_as_it_was_written(latex):
    assert formula_tree(latex) is None or isinstance(formula_tree(latex), list)
    assert rendered([f"a ${latex}$ b"])["formulas"].get("nothing") is None


@pytest.mark.parametrize(
    "part", ["\\[", "\\(", "$", "$$", "\\boxed{", "```a\n", "\\begin{align}", "{"]
)
def test_text_full_of_openings_is_read_in_steps_of_its_length(part):
    """Each opening may look on for a bounded stretch only: 100 kB of them are no hang."""
    assert pieces(part * (100_000 // len(part))) is not None


def test_code_is_cut_into_runs_that_cover_it_in_units_of_javascript():
    source = "def f(x):\n    return '𝒳' # note"
    runs = code_runs(source, "python")
    assert sum(runs[1::2]) == units(source) == len(source) + 1  # 𝒳 is two of them
    assert {"k", "f", "s", "c"} <= set(runs[::2])
    assert code_runs("x", "no-such-language") is None


def test_answer_is_a_formula_as_a_whole_only_where_it_holds_latex():
    assert set(rendered([], ["\\frac12", "1/2", "x", '{"a": "\\n"}'])["formulas"]) == {"$\\frac12"}
