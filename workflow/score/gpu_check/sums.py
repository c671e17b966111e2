"""The task of the check: sums of three numbers of two digits, in two steps.

An attempt at "56 + 26 + 38 = ?" reads "56 + 26 = 82, 82 + 38 = 120". It states the number behind its
last equals sign, and nothing where it has none.
"""

import random
import re

FIRST_PROMPT = "{question}"
CORRECTION_PROMPT = "Check each step. Write the whole solution again, corrected if it has an error."
EVALUATOR_FUNCTIONS = ("equal_number",)
MARKER = "="

# Without the default system message of a model's own template, which says nothing about sums.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def parse_gold(raw: str) -> str:
    """A whole number without leading zeros."""
    return str(int(raw))


def state(answer: str, marker: str) -> str:
    return f"= {answer}"


def extract(attempt: str, mode: str, marker: str) -> str | None:
    stated = re.findall(r"= ?(\d{1,9})", attempt)
    return str(int(stated[-1])) if stated else None


def grade(extracted: str, answer: str, function: str) -> float:
    return float(extracted == answer)


quick_grade = grade


def solution(numbers: tuple[int, int, int]) -> str:
    """The worked solution that warm starts imitate."""
    first, second, third = numbers
    total = first + second
    return f"{first} + {second} = {total}, {total} + {third} = {total + third}"


def draw(count: int, seed: int) -> list[tuple[int, int, int]]:
    """Different triples of numbers from 10 to 99."""
    drawn, generator = {}, random.Random(seed)
    while len(drawn) < count:
        drawn[tuple(generator.randint(10, 99) for _ in range(3))] = None
    return list(drawn)


def question(numbers: tuple[int, int, int]) -> str:
    return " + ".join(map(str, numbers)) + " = ?"
