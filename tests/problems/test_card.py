"""The licence that the data card tells of a data set."""

import pytest
from score.problems.card import licence_of


@pytest.mark.parametrize(
    ("path", "licence"),
    [
        ("../shared/data/gsm8k", "MIT"),
        ("openai/gsm8k:main", "MIT"),
        ("x/HumanEval.jsonl.gz", "MIT"),
        ("google-research-datasets/mbpp", "CC BY 4.0"),
        ("x/sanitized-mbpp.json", "CC BY 4.0"),
        ("google-research-datasets/nq_open@rev", "CC BY-SA 3.0"),
        ("HuggingFaceH4/MATH-500", "MIT (Hendrycks MATH); under a DMCA"),
        ("x/math/part_a.jsonl", "MIT (Hendrycks MATH); under a DMCA"),
    ],
)
def test_the_licence_of_a_known_data_set_is_told(path, licence):
    assert licence_of(path).startswith(licence)


def test_the_licence_of_an_unknown_data_set_is_not_guessed():
    assert licence_of("my/mathematics.jsonl") is None
    assert licence_of("my-gsm8k-variant/train.jsonl") is None
