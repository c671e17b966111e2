"""Problems: the file format and the canonical question."""

import pytest
from score.problems.problem import (
    Problem,
    canonical_question,
    read_problems,
    split_order,
    write_problems,
)


def test_problems_survive_a_round_trip_byte_for_byte(tmp_path):
    problems = [
        Problem("a", "What is “1+1”?\r\nSay it.\u2028Now\x85!", "2", "1"),
        Problem("b", "ﬁ {braces} 😀 \t", ["x", "y"]),
    ]
    write_problems(tmp_path / "p.jsonl", problems)
    first = (tmp_path / "p.jsonl").read_bytes()
    assert read_problems(tmp_path / "p.jsonl") == problems
    write_problems(tmp_path / "p.jsonl", read_problems(tmp_path / "p.jsonl"))
    assert (tmp_path / "p.jsonl").read_bytes() == first
    assert first.count(b"\n") == 2 and first.startswith(b'{"answer": "2", "id": "a"')
    assert [path.name for path in tmp_path.iterdir()] == ["p.jsonl"]  # nothing half-written


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 3: not valid JSON"),
        (b"\xff{}", "line 3: not valid JSON"),
        (b"[1]", "line 3: row is list"),
        (b'{"id": "x", "question": "q"}', "line 3: fields are"),
        (b'{"id": "x", "question": "q", "answer": "1", "extra": 1}', "line 3: fields are"),
        (b'{"id": "", "question": "q", "answer": "1"}', "line 3: id is ''"),
        (b'{"id": "x", "question": 5, "answer": "1"}', "line 3: question is 5"),
        (b'{"id": "x", "question": "q", "answer": []}', "line 3: answer is"),
        (b'{"id": "x", "question": "q", "answer": 1}', "line 3: answer is 1"),
        (b'{"id": "x", "question": "q", "answer": "1", "level": 3}', "line 3: level is 3"),
        (b'{"id": "a", "question": "r", "answer": "1"}', "line 3: id is 'a'; duplicate id.* 1"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path, line, message):
    good = b'{"id": "a", "question": "q", "answer": "1"}'
    (tmp_path / "p.jsonl").write_bytes(b"\n".join([good, b"", line]) + b"\r\n")
    with pytest.raises(ValueError, match=message):
        read_problems(tmp_path / "p.jsonl")


def test_a_missing_file_is_named():
    with pytest.raises(ValueError, match=r"nowhere\.jsonl; expected an existing file"):
        read_problems("nowhere.jsonl")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What  is\n1+1?", " what is 1+1? ", True),
        ("２＋２", "2+2", True),  # full-width forms
        ("ﬁnd x", "Find\u00a0X", True),  # a ligature and a no-break space
        ("Straße", "STRASSE", True),
        ("1 1", "11", False),
        ("x^2", "x^3", False),
    ],
)
def test_questions_are_the_same_up_to_case_space_and_compatible_characters(one, other, same):
    assert (canonical_question(one) == canonical_question(other)) is same


def test_the_split_order_is_the_sha256_of_seed_and_question():
    # printf '7:what?' | sha256sum
    expected = "f506f309bcc28b913421b2aaf774b89396206ca6409c518815105c99a9ca746f"
    assert split_order("what?", 7) == expected
