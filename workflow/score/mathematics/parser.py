r"""Expressions from tokens, by recursive descent.

    sum      ±? product (± product)*
    product  factor ((\cdot | \times | * | / | \div)? factor)*     2x, 2\cdot x, (4)(5)
    factor   atom (^ exponent | ! | % | degree)*
    atom     number, letter, constant, (sum), \frac, \sqrt, function, |sum|, \lfloor sum \rfloor, …

Two numbers side by side are no product ("7 5"), and a number behind a letter is none either ("x 5");
a whole number before a proper fraction is a mixed number. What is not in the grammar is Unreadable: no
part of a text stands for the whole.
"""

from score.mathematics.tokens import FUNCTIONS, Token
from score.mathematics.tree import Node, Unreadable, number

_CONSTANTS = {r"\pi": "pi", r"\infty": "inf", r"\emptyset": "empty", r"\reals": "reals"}
_CONSTANTS |= {r"\imath": "i"}
_TIMES = {r"\cdot", r"\times", "*", r"\ast"}
_DIVIDE = {"/", r"\div"}
_GREEK = set(
    """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu
    xi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi
    Psi Omega ell
    """.split()
)
_ACCENTS = {r"\overline", r"\vec", r"\hat", r"\overrightarrow", r"\mathcal", r"\bar"}
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
_ROUNDED = {r"\lfloor": (r"\rfloor", "floor"), r"\lceil": (r"\rceil", "ceil")}
_OF_SEVERAL = {r"\max": "max", r"\min": "min", r"\gcd": "gcd"}
END = Token("end", "")


class Parser:
    """Reads one expression from the tokens; `at` is the place of the next one."""

    def __init__(self, tokens: list[Token]):
        self.tokens, self.at = tokens, 0
        self.in_bars = False  # inside |sum|, where a bar closes

    @property
    def next(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def take(self, *texts: str) -> str | None:
        """The next token's text if it is one of these, and the token is used up."""
        if self.next.kind != "word" and self.next.text in texts:
            self.at += 1
            return self.tokens[self.at - 1].text
        return None

    def expect(self, text: str) -> None:
        if self.take(text) is None:
            raise Unreadable(f"expected {text}")

    def sum(self) -> Node:
        sign = self.take("+", "-", r"\pm", r"\mp")
        total = self._signed(sign, self.product())
        while sign := self.take("+", "-", r"\pm", r"\mp"):
            total = Node("add", (total, self._signed(sign, self.product())))
        return total

    def _signed(self, sign: str | None, term: Node) -> Node:
        if sign in (r"\pm", r"\mp"):
            return Node("plus_minus", (term,), form=sign)
        return Node("negative", (term,)) if sign == "-" else term

    def product(self, stops: frozenset = frozenset()) -> Node:
        result = self.factor()
        while True:
            sign = self.take(*_TIMES, *_DIVIDE)
            if sign is None and (self.next.text in stops or not self._starts_factor()):
                return result
            negative = sign is not None and self.take("-") is not None
            written = self.next.text not in ("(", "[", "{")
            factor = self.factor()
            factor = Node("negative", (factor,)) if negative else factor
            if sign is None:
                result = self._juxtaposed(result, factor, written)
            elif sign in _TIMES:
                result = Node("multiply", (result, factor), form=sign)
            else:
                result = Node("divide", (result, factor), form=sign)

    def _juxtaposed(self, left: Node, right: Node, written: bool) -> Node:
        """left right, with no sign between them: a mixed number or a product.

        written: whether the right one stands there without brackets.
        """
        product = Node("multiply", (left, right), form="juxtaposed")
        if left.op == "number" and left.form == "integer" and written:
            if right.op == "percent":  # 12\\frac12\\% is a mixed number of percents
                mixed = self._juxtaposed(left, right.args[0], written)
                return Node("percent", (mixed,)) if mixed.form == "mixed" else product
            if right.op == "divide" and right.form in (r"\frac", "/") and self._proper(right):
                top, bottom = right.args
                return number(left.fraction + top.fraction / bottom.fraction, "mixed")
        return product

    @staticmethod
    def _proper(fraction: Node) -> bool:
        top, bottom = fraction.args
        whole = all(part.op == "number" and part.form == "integer" for part in fraction.args)
        return whole and 0 < top.fraction < bottom.fraction

    def _starts_factor(self) -> bool:
        token, before = self.next, self.tokens[self.at - 1]
        if token.kind == "number":
            return before.text in (")", "]", "}") or (
                before.kind == "number" and self._slash_next()
            )
        if token.kind == "letter":
            return True
        if token.kind == "command":
            name = token.text[1:]
            known = name in FUNCTIONS or name in _GREEK or name in ("frac", "sqrt", "binom")
            return known or token.text in _CONSTANTS or token.text in (*_ROUNDED, *_ACCENTS)
        return token.text in ("(", "[", "{") or (token.text == "|" and not self.in_bars)

    def _slash_next(self) -> bool:
        """Whether the tokens read 1 1/4: a number behind a number starts a fraction."""
        ahead = self.tokens[self.at + 1 : self.at + 3]
        return (
            [t.text for t in ahead[:1]] == ["/"] and len(ahead) == 2 and ahead[1].kind == "number"
        )

    def factor(self) -> Node:
        base = self._atom()
        while True:
            if self.take("!"):
                base = Node("factorial", (base,))
            elif self.take("%"):
                base = Node("percent", (base,))
            elif self.next.text == "^":
                base = self._raised(base)
            else:
                return base

    def _raised(self, base: Node) -> Node:
        self.expect("^")
        if self.take(r"\circ"):
            return Node("degree", (base,))
        return Node("power", (base, self._argument(signed=True)))

    def _argument(self, signed: bool = False) -> Node:
        """What a command or an exponent takes: a group in braces, or one token."""
        if self.take("{"):
            inside = self.sum()
            self.expect("}")
            return inside
        if signed and self.take("-"):
            return Node("negative", (self._argument(),))
        token = self.next
        if token.kind == "number" and len(token.text) > 1 and token.text.isdigit():
            # TeX takes one digit, and so does a person in \frac12, but not in 2^10 and \sqrt12
            if self.tokens[self.at - 1].text not in ("^", r"\sqrt", "]"):
                first, rest = token.text[0], token.text[1:]
                self.tokens[self.at] = Token("number", rest, number(int(rest)))
                return number(int(first))
        if token.kind in ("number", "letter") or token.kind == "command":
            return self._atom()
        if token.text == "(" and self.tokens[self.at - 1].text == "^":
            return self._atom()
        raise Unreadable("an argument is missing")

    def _atom(self) -> Node:
        token = self.next
        self.at += 1
        if token.kind == "number":
            assert token.node is not None  # each number has one
            return self._slashed(token.node)
        if token.kind == "letter":
            return self._symbol(token.text)
        if token.kind == "command":
            return self._command(token.text)
        if token.text in _CLOSED_BY:
            inside = self.sum()
            self.expect(_CLOSED_BY[token.text])
            return inside
        if token.text == "|" and not self.in_bars:
            self.in_bars = True
            inside = self.sum()
            self.expect("|")
            self.in_bars = False
            return Node("abs", (inside,))
        raise Unreadable(f"{token.text!r} starts no expression")

    def _slashed(self, leaf: Node) -> Node:
        """1/4 behind a whole number is one fraction: 1 1/4."""
        before = self.tokens[self.at - 2] if self.at > 1 else END
        if before.kind == "number" and self.take("/"):
            bottom = self.next.node
            if bottom is None:
                raise Unreadable(f"{self.next.text!r} is no denominator behind a whole number")
            self.at += 1
            return Node("divide", (leaf, bottom), form="/")
        return leaf

    def _symbol(self, name: str) -> Node:
        if name in ("e", "i") and self.next.text != "_":
            return Node("constant", value=name)
        if self.take("_"):
            name += "_" + self._subscript()
        while self.take("'"):
            name += "'"
        return Node("symbol", value=name)

    def _subscript(self) -> str:
        if self.next is END:
            raise Unreadable("a subscript is missing")
        if not self.take("{"):
            self.at += 1
            return self.tokens[self.at - 1].text
        start = self.at
        while self.next is not END and not self.take("}"):
            self.at += 1
        return "".join(token.text for token in self.tokens[start : self.at - 1])

    def _command(self, text: str) -> Node:
        name = text[1:]
        if name in FUNCTIONS:
            return self._function(name)
        if name in ("frac", "binom"):
            args = (self._argument(), self._argument())
            return Node({"frac": "divide", "binom": "binomial"}[name], args, form=text)
        if name == "sqrt":
            return self._root()
        if _CONSTANTS.get(text):
            return Node("constant", value=_CONSTANTS[text])
        if name in _GREEK:
            return self._symbol(name)
        if text in _ROUNDED:
            closing, op = _ROUNDED[text]
            inside = self.sum()
            self.expect(closing)
            return Node(op, (inside,))
        if text in _OF_SEVERAL:
            return self._of_several(_OF_SEVERAL[text])
        if text in _ACCENTS:
            return self._accented(text)
        raise Unreadable(f"{text} is not known")

    def _accented(self, text: str) -> Node:
        inside = self._argument()
        if any(node.op not in ("symbol", "constant", "multiply") for node in inside.walk()):
            raise Unreadable(f"{text} over an expression")
        name = "".join(str(node.value) for node in inside.walk() if node.value)
        return Node("symbol", value=f"{text} {name}")

    def _root(self) -> Node:
        degree = number(2)
        if self.take("["):
            degree = self.sum()
            self.expect("]")
        if self.next.text == "(":
            return Node("root", (self._atom(), degree))
        return Node("root", (self._argument(), degree))

    def _of_several(self, op: str) -> Node:
        opening = self.take("(", "{", r"\{")
        if opening is None:
            raise Unreadable(f"{op} of nothing")
        args = [self.sum()]
        while self.take(","):
            args.append(self.sum())
        self.expect({"(": ")", "{": "}", r"\{": r"\}"}[opening])
        return Node(op, tuple(args))

    def _function(self, name: str) -> Node:
        base = None
        if name == "log":
            base = number(10)
            if self.take("_"):
                base = self._argument()
        power = self._argument(signed=True) if self.take("^") else None
        inside = self._function_argument()
        if power is not None and power == Node("negative", (number(1),)):
            return Node("arc" + name, (inside,))
        args = (inside,) if base is None else (inside, base)
        applied = Node(
            {"lg": "log"}.get(name, name), args if name != "lg" else (inside, number(10))
        )
        return applied if power is None else Node("power", (applied, power))

    def _function_argument(self) -> Node:
        """(…) as a whole, else the product that follows: \\sin 2x, up to the next function."""
        if self.next.text in ("(", "{", "["):
            return self.factor()
        stops = frozenset("\\" + function for function in FUNCTIONS) | {"(", "/", *_TIMES}
        inside = self.factor()
        while self.next.text not in stops and self._starts_factor():
            inside = Node("multiply", (inside, self.factor()), form="juxtaposed")
        return inside


def parse(tokens: list[Token]) -> Node:
    """The expression that all the tokens make; Unreadable where they make none."""
    parser = Parser(list(tokens))
    tree = parser.sum()
    if parser.next is not END:
        raise Unreadable(f"{parser.next.text!r} is left over")
    return tree
