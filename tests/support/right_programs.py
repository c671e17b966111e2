"""Programs that must pass, with tests that use their values, objects, exceptions and effects.

Nothing here is imported by the package. By name: (program, tests).
"""

RIGHT = {
    "dataclass with annotations that are text": (
        """
from __future__ import annotations
from dataclasses import dataclass, field
@dataclass(order=True, frozen=True)
class Point:
    x: int
    next: Optional[Point] = None
    tags: list[str] = field(default_factory=list, compare=False)
""",
        """
assert Point(1) == Point(1) != Point(2) and Point(1) < Point(2) and len({Point(1), Point(1)}) == 1
assert repr(Point(1)) == 'Point(x=1, next=None, tags=[])' and Point(2, Point(1)).next.x == 1
try:
    Point(1).x = 5
    assert False
except AttributeError:
    pass
""",
    ),
    "finds itself among the modules": (
        "import sys\ndef f(x): return x\ng = getattr(sys.modules[__name__], 'f')",
        "assert g(2) == 2",
    ),
    "sorts in place": ("def f(xs): xs.sort()", "xs = [3, 1, 2]\nf(xs)\nassert xs == [1, 2, 3]"),
    "changes in place and returns a length": (
        "def f(xs):\n    xs[:] = sorted(set(xs))\n    return len(xs)",
        "xs = [2, 1, 1]\nassert f(xs) == 2 and xs == [1, 2]",
    ),
    "changes rows in place": (
        "def f(m):\n    m.reverse()\n    for row in m: row.append(0)",
        "m = [[1], [2]]\nrow = m[0]\nf(m)\nassert m == [[2, 0], [1, 0]] and m[1] is row",
    ),
    "changes all kinds of containers": (
        "def f(d, s, b, q, c):\n    d.pop('a'); s.add(3); b.append(1); q.rotate(1); c['a'] += 1",
        """
from collections import Counter, deque
d, s, b, q, c = {'a': 1}, {1}, bytearray(), deque([1, 2]), Counter('a')
f(d, s, b, q, c)
assert d == {} and s == {1, 3} and b == bytes([1]) and q == deque([2, 1]) and c['a'] == 2
""",
    ),
    "changes what a checking function holds": (
        "def f(xs, x):\n    xs.append(x)\n    return xs",
        "def check(g):\n    xs = []\n    g(xs, 1)\n    g(xs, 2)\n    assert xs == [1, 2]\ncheck(f)",
    ),
    "takes functions": (
        """
import inspect
def f(g, *xs): return g(*xs)
def count(g): return len(inspect.signature(g).parameters), g.__code__.co_argcount
def fold(g):
    held = []
    g(held)
    return held
def safe(g):
    try: return g()
    except ZeroDivisionError as error: return str(error)
""",
        """
import functools, math, operator
assert f(lambda x: x + 1, 2) == 3 and f(len, [1]) == 1 and f(str.upper, 'a') == 'A'
assert f(operator.add, 1, 2) == 3 and f(math.sqrt, 4) == 2 and f(int, '3') == 3
assert f('abc'.index, 'b') == 1 and f(functools.partial(pow, 2), 3) == 8
assert count(lambda a, b: 0) == (2, 2) and fold(lambda held: held.append(7)) == [7]
assert safe(lambda: 1 / 0) == 'division by zero'
class Mine(Exception): pass
def fail(): raise Mine('x')
try:
    f(fail)
    assert False
except Mine as error:
    assert str(error) == 'x'
""",
    ),
    "wraps a function that calls itself": (
        """
def memo(f):
    known = {}
    def g(n):
        if n not in known: known[n] = f(n)
        return known[n]
    return g
""",
        """
@memo
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
assert fib(40) == 102334155
""",
    ),
    "takes and gives iterators": (
        """
def total(numbers): return sum(numbers)
def take(n, numbers): return [next(numbers) for _ in range(n)]
def echo():
    got = yield 1
    yield got
class Down:
    def __init__(self, n): self.n = n
    def __iter__(self): return self
    def __next__(self):
        if not self.n: raise StopIteration
        self.n -= 1
        return self.n
""",
        """
import itertools, types
assert total(x for x in range(4)) == 6 and total(map(int, '12')) == 3
assert take(2, itertools.count(5)) == [5, 6] and list(Down(3)) == [2, 1, 0]
gen = echo()
assert isinstance(gen, types.GeneratorType) and next(gen) == 1 and gen.send(7) == 7
assert list(gen) == [] and list(zip(echo(), 'ab')) == [(1, 'a'), (None, 'b')]
""",
    ),
    "gives values of the standard library": (
        "from collections import Counter, OrderedDict\nimport datetime, decimal, fractions, uuid\n"
        "def f(x): return x\ndef half(n): return fractions.Fraction(n, 2)",
        """
import array, collections, datetime as d, decimal, fractions, pathlib, types, uuid
for x in (fractions.Fraction(1, 3), decimal.Decimal('1.50'), d.date(2020, 1, 2), d.time(1, 2),
          d.datetime(2020, 1, 2, 3, 4, 5, 6, d.timezone.utc), d.timedelta(1, 2, 3), slice(1, 2),
          collections.deque([1], 3), collections.Counter('aab'), collections.OrderedDict(a=1),
          collections.defaultdict(list, {1: [2]}), types.SimpleNamespace(a=1), uuid.UUID(int=3),
          pathlib.PurePosixPath('/a'), array.array('i', [1]), bytearray(b'x'), Ellipsis):
    y = f(x)
    assert y == x and type(y) is type(x), x
assert half(1) == 0.5 and abs(half(3) - 1.5) < 1e-9 and str(f(decimal.Decimal('1.50'))) == '1.50'
assert f(collections.Counter('aab')).most_common(1) == [('a', 2)] and f({1: 2}.keys()) == {1}
assert f({1: 2}.items()) == {(1, 2)} and list(f({1: 2}.values())) == [2]
""",
    ),
    "gives named tuples": (
        """
from collections import namedtuple
from typing import NamedTuple
Point = namedtuple('Point', 'x y')
class Scaled(NamedTuple):
    a: int
    def __mul__(self, k): return Scaled(self.a * k)
    def twice(self): return self.a * 2
""",
        """
p = Point(1, 2)
assert p == (1, 2) and p.x == 1 and p._replace(x=3) == (3, 2) and repr(p) == 'Point(x=1, y=2)'
assert isinstance(p, tuple) and isinstance(p, Point) and Point._fields == ('x', 'y')
assert Scaled(3).twice() == 6 and (Scaled(3) * 2).a == 6 and Scaled(1) != Scaled(2)
""",
    ),
    "gives members of enumerations": (
        """
from enum import Enum, Flag, IntEnum, auto
class Color(Enum):
    RED = 1
    BLUE = 'b'
class Level(IntEnum):
    LOW = 1
class Mode(Flag):
    READ = auto()
    WRITE = auto()
def pick(red): return Color.RED if red else Color.BLUE
""",
        """
assert pick(True) is Color.RED != pick(False) and Color('b').name == 'BLUE' and len(Color) == 2
assert {Color.RED: 1}[pick(True)] == 1 and str(Color['RED']) == 'Color.RED'
assert [color.value for color in Color] == [1, 'b'] and isinstance(pick(False), Color)
assert Level.LOW + 1 == 2 and isinstance(Level.LOW, int) and Level.LOW.name == 'LOW'
assert Mode.READ | Mode.WRITE == Mode(3) and Mode.READ in Mode(3)
""",
    ),
    "raises its own exceptions": (
        """
class Base(Exception): pass
class Coded(Base, ValueError):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code
    def __str__(self): return f'<{self.code}>'
def f(x):
    if x == 0: raise Coded(5, 'text')
    if x == 1: raise SystemExit(3)
    raise Base('a', 2)
""",
        """
try:
    f(0)
    assert False
except ValueError as error:
    assert error.code == 5 and error.args == ('text',) and str(error) == '<5>'
    assert type(error) is Coded and isinstance(error, Base)
try:
    f(1)
    assert False
except SystemExit as error:
    assert error.code == 3
try:
    f(2)
    assert False
except Coded:
    assert False
except Base as error:
    assert error.args == ('a', 2)
assert issubclass(Coded, ValueError) and not issubclass(Base, ValueError)
try:
    raise Coded(1, 'x')
except Base as error:
    assert error.code == 1
import unittest
with unittest.TestCase().assertRaises(Coded):
    f(0)
""",
    ),
    "has classes with special methods": (
        """
class Stack:
    made = 0
    def __init__(self, *items):
        self.items = list(items)
        Stack.made += 1
    def push(self, x):
        self.items.append(x)
        return self
    def pop(self): return self.items.pop()
    def __len__(self): return len(self.items)
    def __getitem__(self, i): return self.items[i]
    def __setitem__(self, i, x): self.items[i] = x
    def __contains__(self, x): return x in self.items
    def __enter__(self): return self
    def __exit__(self, kind, error, trace): return kind is ValueError
    def __call__(self, x): return x + 1
    def __repr__(self): return f'Stack{tuple(self.items)}'
    @property
    def top(self): return self.items[-1]
    @classmethod
    def of(cls, *items): return cls(*items)
""",
        """
s = Stack()
assert not s and s.push(1).push(2) is s and s and len(s) == 2 and list(s) == [1, 2]
s[0] = 9
assert s[0] == 9 and 9 in s and 5 not in s and s.pop() == s(1) == 2 and s.top == 9
assert repr(s) == str(s) == f'{s}' == 'Stack(9,)' and type(s).__name__ == 'Stack'
assert isinstance(Stack.of(1), Stack) and Stack.made == 2 and hasattr(s, 'pop')
with s as same:
    assert same is s
    raise ValueError
s.items = []
try:
    s.pop()
    assert False
except IndexError:
    assert not hasattr(s, 'nothing')
import copy
assert copy.deepcopy(s).push(1).top == 1 and len(s) == 0
""",
    ),
    "has a class of vectors": (
        """
class V:
    def __init__(self, x, y): self.x, self.y = x, y
    def __eq__(self, other): return isinstance(other, V) and (self.x, self.y) == (other.x, other.y)
    def __hash__(self): return hash((self.x, self.y))
    def __add__(self, other): return V(self.x + other.x, self.y + other.y)
    def __mul__(self, k): return V(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __neg__(self): return V(-self.x, -self.y)
    def __abs__(self): return (self.x ** 2 + self.y ** 2) ** 0.5
    def __matmul__(self, other): return self.x * other.x + self.y * other.y
""",
        """
assert V(1, 2) * 2 == V(2, 4) == 2 * V(1, 2) and -V(1, 2) == V(-1, -2) and abs(V(3, 4)) == 5
assert V(1, 2) @ V(3, 4) == 11 and V(1, 2) != V(2, 1) and V(1, 2) != (1, 2)
assert sum([V(1, 1), V(2, 2)], V(0, 0)) == V(3, 3) and len({V(1, 2), V(1, 2)}) == 1
""",
    ),
    "derives from built-in containers": (
        """
class Stack(list):
    def push(self, x): self.append(x)
class Record(dict):
    def __getattr__(self, name): return self[name]
""",
        """
s = Stack()
s.push(1)
assert isinstance(s, list) and isinstance(s, Stack)
assert s == [1] == s and s != [2] and len(s) == 1 and list(s) == [1] and s[0] == 1 and 1 in s
assert Record(a=1) == {'a': 1} and Record(a=1).a == 1 and 'a' in Record(a=1)
""",
    ),
    "links nodes": (
        """
class Node:
    def __init__(self, value, next=None): self.value, self.next = value, next
def turned(node):
    last = None
    while node: node.next, last, node = last, node, node.next
    return last
""",
        "first = Node(1, Node(2))\nlast = turned(first)\n"
        "assert last.value == 2 and last.next is first and first.next is None",
    ),
    "prints": (
        "def f(x): print('hi', x)",
        "import contextlib, io\nsaid = io.StringIO()\nwith contextlib.redirect_stdout(said):\n"
        "    f(3)\nassert said.getvalue() == 'hi 3\\n'",
    ),
    "is asynchronous": (
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return 2 * x",
        "import asyncio\nasync def both(): return await asyncio.gather(f(1), f(2))\n"
        "assert asyncio.run(f(2)) == 4 and asyncio.run(both()) == [2, 4]",
    ),
    "uses numpy": (
        "import numpy\ndef f(xs): return numpy.array(xs) * 2\ndef mean(xs): return numpy.mean(xs)\n"
        "def grow(a): a += 1\ndef four(): return numpy.int64(4)",
        """
import numpy as np
a = np.zeros(2)
grow(a)
assert a.tolist() == [1, 1] and isinstance(f([1]), np.ndarray) and (f([1, 2]) == [2, 4]).all()
assert np.allclose(mean([1, 2]), 1.5) and four() == 4 and isinstance(four(), np.integer)
assert np.array_equal(f(np.eye(2)), 2 * np.eye(2))
""",
    ),
}
