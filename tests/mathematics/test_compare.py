"""Verdicts on stated answers, kind by kind. The right verdicts are those that a person would give."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from places import DATA
from score.mathematics.compare import is_right
from score.tasks import math
from score.verifiers.verifier import Verifier

RIGHT = {  # reference answer: what states it
    "391": ["391", "391.0", "x = 391", r"\{391\}", "**391**", "`391`", "391.", r"\text{391}", "３９１"],
    "1000": ["1,000", "1 000", r"1\,000", "1{,}000", "1\u00a0000", r"1,\!000", "1e3", r"10^3"],
    "0.75": [r"\frac34", "3/4", "¾", r"\frac{6}{8}", r"75\%", ".75"],
    r"\frac{5}{2}": ["2.5", r"2\frac12", "2 1/2", "2½", "5/2"],
    r"\frac16": [r"0.1\overline{6}", r"0.1666\ldots"],
    r"2\sqrt{3}": [r"\sqrt{12}", "2√3", r"\frac{6}{\sqrt3}", r"2\cdot\sqrt{3}"],
    r"-\frac{\pi}{3}": [r"-\pi/3", r"\frac{-\pi}{3}", "-π/3"],
    "1e-8": [r"10^{-8}", r"1 \times 10^{-8}", "0.00000001"],
    "1+2i": ["2i+1", r"2i + 1"],
    "x^2-1": ["(x-1)(x+1)", "x² − 1", "x**2-1", "y = x^2-1", "f(x)=x^2-1"],
    "f(x)=2x": ["2x", "f(y) = 2y", "f(x) = x + x"],
    r"\frac34": ["3:4"],
    "y=2x+1": ["2x-y=-1", "2x+1"],
    "2x-y+3=0": ["y=2x+3", "4x-2y+6=0", "0 = y - 2x - 3"],
    "[-2,7]": [r"-2\le x\le7", r"x \in [-2, 7]", r"7 \geq x \geq -2"],
    r"(-\infty,2)\cup(3,\infty)": [r"x<2\text{ or }x>3", r"(3,\infty)\cup(-\infty,2)"],
    "-2, 3": ["3, -2", r"\{-2, 3\}", "x=-2 or x=3", r"x = 3, x = -2", r"x=-2,3", r"-2 \text{ and } 3"],
    r"1 \pm \sqrt5": [r"1+\sqrt5, 1-\sqrt5", r"x = 1 \pm \sqrt{5}"],
    "a=1, b=2": ["b=2, a=1", "a = 1 and b = 2", "(1,2)"],
    "(1,2)": ["(1, 2)", "（1，2）", r"\left(1,2\right)", "x=1,y=2"],
    "1:2:3": ["2:4:6", "1 : 2 : 3"],
    r"\begin{pmatrix}1\\2\end{pmatrix}": [r"\begin{bmatrix} 1 \\ 2.0 \end{bmatrix}"],
    r"15\text{ cm}^2": ["15", r"15\text{ cm}^2", r"15 \text{ square centimeters}", r"1500\text{ mm}^2"],
    r"\$18": ["18", "18 dollars", r"\$18.00", r"1800\text{ cents}"],
    r"3\text{ hours }20\text{ minutes}": [r"200\text{ minutes}", r"3\text{ h and }20\text{ min}"],
    "43_5": [r"43_{5}", r"43_{\text{five}}"],
    r"\text{(B)}": ["B", "B.", "B) 12", r"\text{(B) 12}", r"\text{Option B}", "(B)", "b", r"(B)\ 12"],
    r"\textbf{(B)}\ 12": ["B", "12"],
    r"\text{Evelyn}": ["evelyn", "Evelyn", r"\mathrm{Evelyn}"],
    r"\text{an ellipse}": ["ellipse", r"\text{Ellipse}"],
    r"8\!:\!34 \text{ p.m.}": ["8:34 pm", r"8:34\text{ PM}"],
    r"(3,-2)": ["(x,y)=(3,-2)", r"\begin{cases} x=3 \\ y=-2 \end{cases}"],
    "x>2": [r"(2,\infty)", r"\{x \mid x > 2\}"],
    r"(-\infty,2)\cup(2,\infty)": [r"x \ne 2", r"\mathbb{R}\setminus\{2\}"],
    r"\frac{x-1}{2}": [r"f^{-1}(x)=\frac{x-1}{2}", "(x-1)/2", r"\text{Area} = \frac12(x-1)"],
    r"\frac{\pi}{2} + k\pi": [r"\frac{\pi}{2}+\pi k"],
    r"\text{no solution}": [r"\emptyset", r"\text{No solutions}"],
    r"\log_2 3": [r"\frac{\ln 3}{\ln 2}", r"\log_{2}{3}"],
    r"10\text{ m/s}": [r"36\text{ km/h}", r"10\text{ meters per second}"],
    "1011_2": ["(1011)_2", r"1\,011_2", "1011_{(2)}", "N = 1011_2"],
    r"12.5\%": [r"12\frac12\%", "12.5 percent", r"0.125 = 12.5\%"],
    "2000000": [r"2\text{ million}", "2,000,000"],
    r"\$25": ["25 USD", "USD 25", "$25"],
    r"\ln 6": [r"\ln 2 + \ln 3", r"\operatorname{ln} 6"],
    "x^2+C": ["x^2 + c", "K + x^2"],
    "(-1,1)": ["|x|<1", r"\{x \in \mathbb{R} : -1 < x < 1\}"],
    r"\frac{n(n-1)}{2}": [r"\binom{n}{2}"],
    r"\left(\frac12\right)^{60}": [r"\frac{1}{2^{60}}", r"2^{-60}"],
    r"60\text{ miles per hour}": ["60 mph", r"60\text{ mi/h}"],
    "40": [r"m\angle A = 40^\circ", r"\text{about } 40", "AB = 40", r"f(2) = 40"],
    "13": [r"\boxed{13}", r"\color{red}{13}", r"\large 13", r"\underline{13}", r"13\text{ pc}"],
    r"\frac13": ["1 \\over 3", r"{1\over 3}", r"0.\overline3", "⅓"],
    r"72^\circ F": [r"72\text{ degrees Fahrenheit}", r"72^\circ\text{F}"],
    r"125\text{ cents}": ["125¢", r"\$1.25"],
    r"\text{Bob}": ["bob", "Bob"],
    r"\text{does not exist}": ["Does not exist"],
    "101_2": [r"101 \text{ base } 2", "101 (base 2)", r"101_{\text{base } 2}"],
    "(1,2),(2,1)": [r"(x,y) \in \{(1,2),(2,1)\}"],
    r"90^\circ": ["90", "90°", r"90\text{ degrees}", r"90^\circ\text{ of rotation}"],
    r"\frac{5}{36}": [r"\frac{5}{36} \approx 0.139", r"5/36 ≈ 0.1388", "10:72"],
    r"(3,\frac{\pi}{2})": [r"(r,\theta)=(3,\frac{\pi}{2})", r"(x_0,y_0)=(3,\frac{\pi}{2})"],
    "(2,-1)": ["(m,b)=(2,-1)", r"\begin{aligned}x&=2\\y&=-1\end{aligned}"],
    "[2,5]": [r"x\ge2\text{ and }x\le5", r"x \geq 2 \land x \leq 5"],
    "1, 3": [r"x=1 \lor x=3"],
    r"\sqrt2": [r"|z|=\sqrt2", r"|AB| = \sqrt{2} \approx 1.414"],
    r"\begin{pmatrix}2&0\\0&2\end{pmatrix}": [r"A^{-1}=\begin{pmatrix}2&0\\0&2\end{pmatrix}"],
    r"\frac{4}{33}": ["0.1\u03052\u0305", r"0.\overline{12}"],
    r"\text{(E)}": ["e", "E"],
    "x+y=391": ["2x+2y=782", "391=x+y"],
}  # fmt: skip
WRONG = {  # reference answer: what does not state it
    "391": [r"17\cdot 23", r"17 \times 23", "17(23)", "7.82/0.02", "-782/-2", "400-9",
            r"\sum_{k=1}^{1} 391", "391 or 392", "391, 392"],
    "120": ["5!", r"\binom{10}{3}", r"\int_0^{120} dx", r"\gcd(240, 120)", r"\lim_{x\to0} 120"],
    "1024": ["2^{10}", "2**10", "16(8)(8)", r"\det A", r"1024 \bmod 5", "1024 x", "1024 i",
             "1024 quarters"],
    "30": ["3 times ten", "3 tens", "thirty x"],
    "3": ["3 x", r"\sqrt{9}", r"\log_2 8", "x+3", "3x+7=16", "3=4", "3:1", "3_5", r"3\text{ a.m.}"],
    "12": ["12 or 13, I am not sure", "7 5", "1 2", "(12", r"\foo 12", "12 !? 13", r"\{12, 13\}"],
    "2^{-98}": ["2^{-99}", "0", "0.0"],
    r"\frac{1}{2004!}": [r"\frac{1}{2006!}", "0"],
    "0.5": ["0.4999999", "50", r"0.5\%", "5"],
    r"\pi": ["3.14159", r"\frac{22}{7}"],
    r"\frac13": ["0.33333", "0.333"],
    "(1,2)": ["(2,1)", "[1,2]", r"\{1,2\}", "2, 1"],
    "-2, 3": ["(-2,3)", "-2", "3, 4", "-2, 3, 4", "-2, -2, 3"],
    "a=1, b=2": ["2, 1", "a=2, b=1", "1", "b=2"],
    "x>5": ["5", r"x\ge5", "x<5", "y>5"],
    "x+y=5": ["5", "x+y=6", "x-y=5"],
    "f(x)=2x": ["f'(x)=2x", "f(x)=3x", "g(x)=2x"],
    "1:2:3": ["1:3:2", "1:2"],
    r"15\text{ cm}^2": [r"15\text{ cm}^3", r"15\text{ m}^2", r"15\text{ apples}"],
    r"5\text{ m}": [r"5\text{ cm}", r"5\text{ m/s}"],
    r"90^\circ": [r"90\text{ radians}"],
    "43_5": ["43", "43_6", "23"],
    r"\text{(B)}": ["(A)", r"\text{A or B}", "A, B"],
    r"\text{Evelyn}": [r"\text{Evelyn or Carla}", r"\text{Evelyn}, \text{Carla}", r"\text{not Evelyn}"],
    r"8\!:\!34 \text{ p.m.}": [r"8:34\text{ a.m.}", "8:35 p.m."],
    r"\frac34": ["4:3"],
    r"\frac{10}{21}": [r"\binom{5}{2}\cdot4:\binom{9}{3}", r"5\cdot8:84", r"\frac{10}{21} \approx 0.6"],
    r"\frac{7}{24}": ["7:4!", "3+4:24", r"3+4\text{ to }24"],
    r"3\text{ hours }20\text{ minutes}": [r"\binom{5}{2}\cdot20\text{ minutes}"],
    r"85\text{ minutes}": [r"5\cdot17\text{ minutes }0\text{ seconds}"],
    "x+y=391": [r"x+y=17\cdot23", "x+y=400-9"],
    "y>2x+391": [r"y>2x+17\cdot23"],
    "0.3": ["0.3\u0305"],
    "(-1,2)": ["(y,x)=(-1,2)"],
    "[2,7]": [r"x\ge2\text{ and }x\ge7", r"x\ge2\text{ and }y\le7"],
    "y=2x+1": ["2x+y=1", "y=2x", "x=2y+1"],
    "x=5": ["2x=10", "y=5", "5=5"],
    r"5\text{ million}": ["5", r"5\text{ thousand}"],
    "1": ["e^0", r"\pi^0", "1^5"],
    "7": [r"x = 7\text{ thousand}", r"x = 7\text{ is wrong}"],
    "5": ["5x", "5?", ">5", "5+0", r"5\cdot1", "5 5", "55", r"5\text{ dozen}", "101_2", "f(5)"],
    r"(1,\infty)": [r"1, \infty", "[1,\\infty)", "x<1"],
    "-1": ["i^2", r"\cos \pi"],
    r"2\frac34": [r"2(\frac34)", r"2\cdot\frac34", r"\frac34"],
    r"5\text{ cm}": [r"x = 5\text{ m}", "5 inches"],
    "25": [r"25\text{ thousand}", r"25\%", r"\binom{5}{2} = 25", "20+5=25"],
    "-i": [r"\frac{1}{i}", "i^3"],
    "2i": [r"\sqrt{-4}"],
    "[2,3]": ["2, 3", "(2,3)"],
    "A": ["(A) or (C)", r"\text{(A) 12 or (C) 13}", "A, B", "AB", r"\text{A}\text{B}", r"\text{A or B}"],
    "x^2-1": ["x^2", "3", "x^2-1=0", "(x-1)^2", r"\frac{d}{dx}(\frac{x^3}{3}-x)"],
    "$": ["5", "$"],
    "nan": ["nan", "5"],
    r"\frac{}{}": ["5", r"\frac{}{}"],
}  # fmt: skip


def test_each_way_to_write_an_answer_is_right():
    refused = [
        (gold, text) for gold, texts in RIGHT.items() for text in texts if not is_right(text, gold)
    ]
    assert refused == []


def test_what_is_near_an_answer_or_holds_it_is_wrong():
    paid = [(gold, text) for gold, texts in WRONG.items() for text in texts if is_right(text, gold)]
    assert paid == []


def test_every_reference_answer_states_itself():
    assert [gold for gold in RIGHT if not is_right(gold, gold)] == []


def _cases() -> list[dict]:
    path = DATA.parent / "cases" / "math.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_labelled_cases_get_their_verdicts_but_a_factorial():
    with Verifier("math") as verifier:
        cases = _cases()
        verdicts = verifier([c["attempt"] for c in cases], [c["answer"] for c in cases])
    differing = [c for c, v in zip(cases, verdicts, strict=True) if v.correct != c["correct"]]
    # the label takes the gold 5! for an exclamation, and pays 5 for it: here it is 120
    assert [(c["answer"], c["correct"]) for c in differing] == [("5!", True)]


BOMBS = {
    "tower": "9^{9^{9^{9}}}",
    "tower with stars": "9**9**9**9",
    "large powers": "10^{10^{8}}",
    "factorial": "(10^9)!",
    "factorials": "+".join(f"{n}!" for n in range(2900, 3000)),
    "factorial of factorial": "5" + "!" * 200,
    "polynomial": "(x+1)^{99999}",
    "two to the two": "2^{2^{40}}",
    "nested fractions": r"\frac{1}{1+" * 150 + "2" + "}" * 150,
    "roots of roots": r"\sqrt" * 290 + "2",
    "braces": "{" * 900 + "}" * 900,
    "long braces": "{" * 50_000 + "}" * 50_000,
    "parentheses": "(" * 1_900,
    "minus signs": "-" * 1_000 + "1",
    "factors": "x " * 590,
    "factorials of factorials": "5" + "!" * 590,
    "largest of one": r"\max\{5\}",
    "smallest of one": r"\min(5)",
    "words alone": r"7^\circ\text{ of rotation}",
    "NUL": "4\x002",
    "half a surrogate pair": "\ud800",
    "digits": "1" * 1_900,
    "exponent": "1e999999",
    "powers of large exponents": "9e9999^{99999}",
    "list": "1," * 900,
    "equations": "x=" * 900 + "1",
    "binomials": r"\binom{2999}{1500}" * 20,
    "angle": r"\cos 10^{99999}",
    "sum": r"\sum_{n=1}^{10^{12}} n^{n}",
    "spaces": " " * 1_900 + "1",
    "unit": r"5\text{ cm}^{9999999}",
    "subscript": "2x_",
    "odd ends": r"\frac1x+\frac1y_",
    "long fraction": r"\frac{1}{2004!}",
    "texts": r"\text{" * 250 + "}" * 250,
}


@pytest.mark.parametrize("gold", ["42", "x+1", r"\sqrt{2}", "(1,2)"])
def test_no_answer_takes_long_or_raises(gold):
    started = time.process_time()
    assert [name for name, bomb in BOMBS.items() if math.grade(bomb, gold)] == []
    assert [name for name, bomb in BOMBS.items() if math.grade(gold, bomb)] == []
    assert all(map(math.vote_key, BOMBS.values()))
    assert time.process_time() - started < 60  # together they take about a second


@pytest.mark.parametrize(
    "alphabet", ["1+-/^_{}()[],=!|.", "\\frac sqrtxi{}1^,()", "12 aorndb=<>:%$\\{}\"'"]
)
def test_random_texts_are_judged_without_an_error(alphabet):
    import random

    draw = random.Random(0)
    for _ in range(2_000):
        text = "".join(draw.choices(alphabet, k=draw.randrange(1, 30)))
        assert math.grade(text, "x+1, 2") in (0.0, 1.0)
        assert math.grade("5", text) in (0.0, 1.0)
        assert math.vote_key(text) is not None


def test_a_sum_of_many_roots_takes_no_time():
    """Where each sum of terms looks at each two of them, hundreds of them would take minutes."""
    roots = "+".join(
        f"√{n}" for n in range(2, 300) if all(n % (p * p) for p in (2, 3, 5, 7, 11, 13))
    )
    begun = time.process_time()
    for stated, gold in ((f"{roots}=1", "5"), (f"{roots}:1", "3:4"), (f"{roots}+x", f"x+{roots}")):
        is_right(stated, gold)
    assert time.process_time() - begun < 5


def test_threads_do_not_lower_each_others_precision():
    with ThreadPoolExecutor(4) as pool:
        pairs = [(rf"\sqrt{{12}}+\sin(x)+{n}", rf"2\sqrt3+\sin x+{n}") for n in range(100)]
        assert all(pool.map(lambda pair: is_right(*pair), pairs))
