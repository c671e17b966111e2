"""Programs that must not pass: their objects lie where a test compares, or they change its data.

Nothing here is imported by the package. By name: (program, tests). The tests take only f from it.
"""

_ANY = "class Any{base}:\n    {lie}\n    __hash__ = None\ndef f(x): return Any({value})"


def _any(lie: str, base: str = "", value: str = "") -> str:
    return _ANY.format(lie=lie.replace("\n", "\n    "), base=base, value=value)


_SUBTRACTS = "def __sub__(self, other): return {}\n__rsub__ = __sub__\ndef __abs__(self): return 0"
_ORDERS = "def __lt__(self, other): return True\n__le__ = __gt__ = __ge__ = __lt__"
_FORGE = """
import sys
side = sys.modules['score.sandbox.program_side'].ProgramSide
talk = sys.modules['score.sandbox.conversation'].Conversation
"""

LIES = {
    "is equal to everything": (_any("def __eq__(self, o): return True"), "assert f(1) == 3"),
    "is equal to everything on the right": (
        _any("def __eq__(self, o): return True"),
        "assert 3 == f(1) and f(1) in [3]",
    ),
    "is different from nothing": (
        _any("def __ne__(self, o): return False"),
        "assert not f(1) != 3",
    ),
    "is equal to everything in a list": (
        _any("def __eq__(self, o): return True"),
        "assert [f(1), {'a': f(2)}] == [3, {'a': 4}]",
    ),
    "is an int equal to everything": (
        _any("def __eq__(self, o): return True", "(int)", "0"),
        "assert f(1) == 3",
    ),
    "is a dict equal to everything": (
        _any("def __eq__(self, o): return True\ndef items(self): return {3: 4}.items()", "(dict)"),
        "assert f(1) == {3: 4}",
    ),
    "is an exception equal to everything": (
        _any("def __eq__(self, o): return True", "(Exception)"),
        "assert f(1) == 3",
    ),
    "holds everything": (_any("def __contains__(self, o): return True"), "assert 3 in f(1)"),
    "is less and more than everything": (_any(_ORDERS), "assert 3 <= f(1) <= 3"),
    "is a float less than everything": (_any(_ORDERS, "(float)", "9"), "assert f(1) < 3"),
    "has no distance to anything": (_any(_SUBTRACTS.format(0)), "assert abs(f(1) - 3) < 1e-6"),
    "has no distance from anything": (_any(_SUBTRACTS.format(0)), "assert abs(3 - f(1)) < 1e-6"),
    "is a float without distance to anything": (
        _any(_SUBTRACTS.format(0), "(float)", "9"),
        "assert abs(f(1) - 3) < 1e-6",
    ),
    "is itself such a class": (
        "class f:\n    def __init__(self, x): pass\n    def __sub__(self, other): return self\n"
        "    def __abs__(self): return 0",
        "assert abs(f(1) - 3) < 1e-6",
    ),
    "is an instance of everything": (
        "class Meta(type):\n    def __instancecheck__(self, o): return True\n"
        "class f(metaclass=Meta):\n    def __init__(self, x): pass",
        "assert isinstance(f(1), int)",
    ),
    "is nothing, which numpy takes for close": (
        "def f(x): return []",
        "import numpy as np\nassert np.allclose(f(1), 3.0)",
    ),
    "ends the loop that checks it": (
        "def f(x): raise StopIteration",
        "assert all(map(lambda case: f(case) == 3, [1, 2]))",
    ),
    "ends its process where an exception is expected": (
        "import os\ndef f(x): os._exit(0)",
        "try:\n    f(-1)\n    assert False\nexcept Exception:\n    pass",
    ),
    "empties what it is compared with": (
        "def f(x):\n    x.clear()\n    return x",
        "given = [1, 2]\nassert f(given) == given * 2",
    ),
    "empties what the test goes through": (
        "def f(x):\n    x.clear()\n    return 1",
        "left = [1, 2]\nfor number in left:\n    assert f(left) == number",
    ),
    "empties it in a test whose assertions stand in a function": (
        "def f(x):\n    x.clear()\n    return x",
        "def check(c):\n    given = [1, 2]\n    assert c(given) == given * 2\ncheck(f)",
    ),
    "has numpy ask it what is equal": (
        _any("def __array_function__(self, *a): return True"),
        "import numpy as np\nassert np.allclose(f(1), 3.25)",
    ),
    "has numpy ask it what a number equals": (
        _any("def __array_ufunc__(self, *a, **k): return True"),
        "import numpy as np\nassert np.float64(3.25) == f(1)",
    ),
    "empties it behind the back of its side": (
        f"{_FORGE}talk._changes = lambda self, shared: [[0, []]]\ndef f(x): return []",
        "given = [1, 2]\nassert f(given) == given * 2",
    ),
    "says how its class compares": (
        f"""{_FORGE}
kept = side._class
def told(self, kind, by_name=True):
    found = kept(self, kind, by_name)
    return found[:4] + [['__eq__'], ['__eq__', '__class__']] if len(found) > 4 else found
side._class = told
class Any(int):
    def __eq__(self, other): return True
def f(x): return Any(0)
""",
        "assert f(1) == 3",
    ),
    "says that all its classes are named": (
        f"{_FORGE}side.keep = lambda self, value: ['type', 'score.sandbox.remote.Remote']\n"
        "class Any: pass\ndef f(x): return Any()",
        "assert f(1)(2) == 3",
    ),
}
NAMED_LIES = {  # the tests take the class V
    "returns itself for a number": (
        "class V:\n    def norm(self): return self\n    def __sub__(self, o): return self\n"
        "    def __abs__(self): return 0",
        "assert abs(V().norm() - 5) < 1e-6",
    ),
    "is a float that is close to everything": (
        "class V(float):\n    def norm(self): return self\n    def __sub__(self, o): return V(0)",
        "assert abs(V(3).norm() - 5) < 1e-6",
    ),
    "is equal to plain values": (
        "class V:\n    def __eq__(self, o): return True",
        "assert V() == 5",
    ),
}
