"""Programs that must not pass. Nothing here is imported by the package.

A cheat defines double(x) wrongly and tries to pass all the same. A program that hangs never ends.
"""

WRONG = "def double(x):\n    return 0\n"

CHEATS = {
    "prints success": "print('passed')\nprint('[\"passed\", \"\"]')\n" + WRONG,
    "exits with code 0 when loaded": WRONG + "import sys\nsys.exit(0)",
    "exits with code 0 when called": "def double(x):\n    raise SystemExit(0)",
    "ends the process when loaded": WRONG + "import os\nos._exit(0)",
    "ends the process when called": "import os\ndef double(x):\n    os._exit(0)",
    "leaves by an exit handler": WRONG
    + "import atexit, os, sys\natexit.register(os._exit, 0)\nsys.exit()",
    "returns an object equal to everything": """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    __hash__ = None
def double(x): return Any()
""",
    "returns an int equal to everything": """
class Any(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
def double(x): return Any(0)
""",
    "returns a list equal to everything": """
class Any(list):
    def __eq__(self, other): return True
    def __len__(self): return 2
    def __iter__(self): return iter([1, 1])
def double(x): return Any([0])
""",
    "redefines AssertionError": WRONG + "import builtins\nbuiltins.AssertionError = ValueError",
    "patches builtins": WRONG
    + "import builtins\nfor name in ('isinstance', 'all', 'any', 'len', 'abs', 'exec'):\n"
    "    setattr(builtins, name, lambda *a, **k: True)",
    "removes all builtins": WRONG + "import builtins\nbuiltins.__dict__.clear()",
    "patches json and os.write": WRONG
    + 'import json, os\njson.dumps = lambda *a, **k: \'["passed", ""]\'\nreal = os.write\n'
    'os.write = lambda fd, data: real(fd, b\'["passed", ""]\\n\') and len(data)',
    "writes a verdict to every descriptor": """
import os
for fd in range(64):
    try: os.write(fd, b'["passed", ""]\\n')
    except OSError: pass
def double(x): return 0
""",
    "closes every descriptor": WRONG + "import os\nos.closerange(0, 64)",
    "answers calls before they are made": """
import os
for fd in range(3, 64):
    try: os.write(fd, b'true\\n' * 50)
    except OSError: pass
def double(x): return 0
""",
    "replaces the encoder found on the stack": """
import sys
frame = sys._getframe()
while frame:
    for value in list(frame.f_globals.values()) + list(frame.f_locals.values()):
        if hasattr(value, 'encode') and hasattr(value, 'decode') and hasattr(value, 'Line'):
            value.encode = lambda v, keep: ["passed", ""]
    frame = frame.f_back
def double(x): return 0
""",
    "looks for the tests on the stack": """
import sys
def double(x):
    frame = sys._getframe()
    while frame:
        for scope in (frame.f_locals, frame.f_globals):
            for value in list(scope.values()):
                if isinstance(value, dict) and 'tests' in value:
                    value['tests'] = []
                    return x * 2
        frame = frame.f_back
""",
    "looks for the tests in all objects": """
import gc
def double(x):
    for found in gc.get_objects():
        if isinstance(found, (list, tuple, dict)) and 'assert double' in repr(found)[:10000]:
            if found is not double.__code__.co_consts:
                return x * 2
""",
    "traces the caller": WRONG
    + "import sys\ndef trace(frame, event, arg):\n    frame.f_locals.clear()\n    return trace\n"
    "sys.settrace(trace)\nsys.setprofile(trace)",
    "raises an exception that cannot be shown": """
class Bad(BaseException):
    def __str__(self): raise Bad()
    __repr__ = __str__
def double(x): raise Bad()
""",
    "raises StopIteration": "def double(x):\n    raise StopIteration('passed')",
    "returns itself": "def double(x):\n    return double",
    "returns an endless iterator": "import itertools\ndef double(x):\n    return itertools.count()",
    "returns a deep nest": """
def double(x):
    nest = []
    for _ in range(100_000): nest = [nest]
    return nest
""",
    "returns a cycle": "def double(x):\n    a = []\n    a.append(a)\n    return a",
    "returns a flood": "def double(x):\n    return [0] * 10**8",
    "returns something that runs when unpickled": """
class Bomb:
    def __reduce__(self): return (print, ('passed',))
def double(x): return Bomb()
""",
    "crashes the interpreter": "import ctypes\nctypes.string_at(0)",
    "sends itself a signal": "import os\nos.kill(os.getpid(), 9)\n" + WRONG,
    "is not Python": "def double(x) return x",
    "holds a NUL character": "def double(x):\n    return '\x00'",
    "defines nothing": "",
    "reads its input": "double = eval(input())",
    "only defines double for main": "if __name__ == '__main__':\n    def double(x): return x * 2",
}

HANGS = {
    "loops for ever when loaded": "while True: pass",
    "loops for ever when called": "def double(x):\n    while True: pass",
    "sleeps": "import time\ntime.sleep(1000)",
    "ignores signals": """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
""",
    "swallows every exception": """
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    "computes a number without end": "def double(x):\n    return 9 ** 9 ** 9 ** 9",
    "waits in threads": """
import threading
for _ in range(8): threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()
""",
    "floods its output": "while True: print('x' * 10**6)",
    "takes all memory": "held = []\nwhile True: held.append(bytearray(10**7))\n",
    "recurses for ever": "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "matches a slow pattern": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "asks to outlive its parent": """
import ctypes, os
ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
try: os.setsid()
except OSError: pass
while True: pass
""",
}
