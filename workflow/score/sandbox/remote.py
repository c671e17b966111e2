"""What stands in the tests for objects and classes of the program.

A class of the program has a class here with the same name, bases and special methods, so that
isinstance, issubclass, type(x) and `except` work; its instances hand what is done with them to the
program. What is believed of the program then is what a method of it returns, as with any function:

* Two objects of the program may be compared by the program, with ==, < or hash.
* An object is never compared with a value of the tests by the program. Where its class derives from
  a built-in type it has that type's value here and compares by that; else it is equal to no value.
* Truth, `in`, and operators with a value of the tests are asked of instances of classes that the
  tests take from the program by name. Such an operator must give an object of such a class that is no
  number, and that object is not turned into a number: `abs(x - 0.5) < 1e-6` would be decided by x.
"""

from types import NotImplementedType

from score.sandbox.conversation import Conversation

_COMPARISONS = ("__lt__", "__le__", "__gt__", "__ge__")
_NUMBERS = ("abs", "int", "float", "complex", "index", "round", "trunc", "floor", "ceil")
_CONVERSIONS = tuple(f"__{name}__" for name in _NUMBERS)
_SIGNS = ("__neg__", "__pos__", "__invert__")
_ARITHMETIC = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()
_OPERATORS = tuple(f"__{side}{name}__" for name in _ARITHMETIC for side in ("", "r", "i"))
# Looked up by numpy, which would have the program decide what a test compares.
_NOT_ASKED = ("_score_", "__array")
_ASKED: tuple[str, ...]
_ASKED = ("__call__", "__getitem__", "__setitem__", "__delitem__", "__iter__", "__next__")
_ASKED += ("__reversed__", "__len__", "__enter__", "__exit__", "__missing__", "__length_hint__")
_TEXTS = {"__str__": "str", "__repr__": "repr", "__format__": "format"}
PLAIN = (int, float, complex, str, bytes, tuple, frozenset)
_CONTAINERS = (list, dict, set, bytearray)


class NotJudged(TypeError):
    """The tests do something that can't be judged across the pipe."""


class RemoteClass(type):
    """The class of the classes that stand for those of the program."""

    def __new__(meta, name, bases, namespace, mirror=False):
        if not mirror:
            raise NotJudged(f"a test derives a class from {bases[0].__name__} of the program")
        return super().__new__(meta, name, bases, namespace)

    def __init__(cls, name, bases, namespace, mirror=False):
        super().__init__(name, bases, namespace)

    def __call__(cls, *args, **kwargs):
        return cls._score_ask_class("call", *args, **kwargs)

    def __getattr__(cls, name):
        if name.startswith(_NOT_ASKED):
            raise AttributeError(name)
        return cls._score_ask_class("getattr", name)

    def __setattr__(cls, name, value):
        cls._score_ask_class("setattr", name, value)

    def __getitem__(cls, key):
        return cls._score_ask_class("getitem", key)

    def __iter__(cls):
        return cls._score_ask_class("iter")

    def __len__(cls):
        return cls._score_ask_class("len")

    def __contains__(cls, item):
        return cls._score_ask_class("contains", item)

    def __bool__(cls):
        return True

    def __instancecheck__(cls, instance):
        return type.__instancecheck__(cls, instance) or (
            is_remote(instance) and cls._score_ask_class("isinstance", instance) is True
        )

    @property
    def __doc__(cls):  # type: ignore[override]  # asked of the program, as all of a class is
        return cls._score_ask_class("getattr", "__doc__")

    def _score_ask_class(cls, operation, *args, **kwargs):
        return cls._score_side.call(operation, cls._score_class, args, kwargs)


def is_remote(value) -> bool:
    """Whether `value` stands for an object or a class of the program."""
    return isinstance(type(value), RemoteClass) or type(value) is RemoteClass


class Remote(metaclass=RemoteClass, mirror=True):
    """Stands for an object of the program: a function, an instance, an iterator."""

    # set for each class, and of each object its number
    _score_side: Conversation = None  # type: ignore[assignment]
    _score_class, _score_number = None, None
    _score_contained = None  # the built-in container that the class derives from
    _score_named = False  # of a class that the tests take by name
    _score_compared = False  # made by an operator with a value of the tests

    def _score_ask(self, operation, *args, **kwargs):
        return self._score_side.call(operation, self._score_number, args, kwargs)

    def __getattr__(self, name):
        if name.startswith(_NOT_ASKED):
            raise AttributeError(name)
        return self._score_ask("getattr", name)

    def __setattr__(self, name, value):
        if name.startswith("__"):  # such as the traceback of an exception
            object.__setattr__(self, name, value)
        else:
            self._score_ask("setattr", name, value)

    def __delattr__(self, name):
        self._score_ask("delattr", name)

    def __eq__(self, other):
        if is_remote(other):
            return self is other or self._score_ask("eq", other) is True
        content = self._score_content()
        return NotImplemented if content is None else content == other

    def __ne__(self, other):
        if is_remote(other):
            return self._score_ask("ne", other) is True
        equal = self.__eq__(other)
        return NotImplemented if equal is NotImplemented else not equal

    def __hash__(self):
        return self._score_ask("hash")

    def __bool__(self):
        if not self._score_named or not self._score_specials & {"__bool__", "__len__"}:
            return True
        if "__bool__" in self._score_specials:
            return self._score_ask("special", "__bool__")
        return self._score_ask("len") != 0

    def __copy__(self):
        return self._score_ask("copy")

    def __deepcopy__(self, memo):
        return self._score_ask("deepcopy")

    def __reduce_ex__(self, protocol):
        raise NotJudged("a test pickles an object of the program")

    def _score_content(self):
        """The plain container of an instance of a subclass of one, else None."""
        content = self._score_ask("content") if self._score_contained else None
        return content if type(content) in _CONTAINERS else None


def _asked_for(attribute: str) -> property:
    return property(lambda self: self._score_ask("getattr", attribute))


def class_of(side, number: int, name: str, bases: list, specials: list, replaced: list) -> type:
    """The class that stands for a class of the program.

    bases: classes. specials: special methods it has. replaced: other names of a built-in base that it
    defines anew.
    """
    plain = next((base for base in PLAIN if any(issubclass(b, base) for b in bases)), None)
    contained = next((c for c in _CONTAINERS for b in bases if _derives(b, c)), None)
    namespace = {
        "__module__": "program",
        "__doc__": property(lambda self: self._score_ask("getattr", "__doc__")),
        "_score_side": side,
        "_score_class": number,
        "_score_specials": frozenset(specials),
        "_score_contained": contained,
    }
    if contained is not None:
        namespace["__class__"] = property(lambda self: contained)  # for isinstance(x, list)
    for special in specials:
        made = _special(special, plain)
        if made is not None:
            namespace[special] = made
    if plain is not None and not hasattr(plain, "__bool__"):
        namespace["__bool__"] = lambda self: plain.__len__(self) != 0
    if plain is None and "__hash__" not in specials:
        namespace["__hash__"] = None
    for attribute in replaced:
        if attribute.startswith("_"):
            continue  # a special method is what the table below says, whatever the program says
        namespace[attribute] = _asked_for(attribute)
    if plain is None and not any(issubclass(base, BaseException) for base in bases):
        namespace["__dict__"] = property(lambda self: self._score_ask("getattr", "__dict__"))
    real = [b for b in bases if issubclass(b, (Remote, BaseException, *PLAIN))]
    mirrored = any(issubclass(base, Remote) for base in real)
    try:
        own = tuple(real if mirrored else [*real, Remote])
        return RemoteClass(name, own, namespace, mirror=True)
    except TypeError:  # bases that have no common layout or order here
        return RemoteClass(name, (plain, Remote) if plain else (Remote,), namespace, mirror=True)


def _derives(base: type, container: type) -> bool:
    return issubclass(base, container) or getattr(base, "_score_contained", None) is container


def _special(name: str, plain: type | None):
    """What a special method does here; None where it stays as it is."""
    if name in _TEXTS:
        return lambda self, *args: self._score_ask(_TEXTS[name], *args)
    if name in _OPERATORS:
        return _operator(name, plain)
    if plain is not None:
        return None
    if name in _ASKED or name in _SIGNS:
        return _asked(name)
    if name in _CONVERSIONS:
        return _conversion(name)
    if name in _COMPARISONS:
        return _comparison(name)
    return _contains if name == "__contains__" else None


def _asked(name: str):
    def method(self, *args, **kwargs):
        if name == "__call__":
            return self._score_ask("call", *args, **kwargs)
        result = self._score_ask("special", name, *args, **kwargs)
        if name in _SIGNS and self._score_compared:
            _mark(result, name)
        return result

    return method


def _conversion(name: str):
    def method(self, *args):
        if self._score_compared:
            raise NotJudged(f"a test turns an object of the program into a number by {name}")
        return self._score_ask("special", name, *args)

    return method


def _comparison(name: str):
    def method(self, other):
        if is_remote(other):
            return self._score_ask("special", name, other)
        content = self._score_content()
        return NotImplemented if content is None else getattr(content, name)(other)

    return method


def _operator(name: str, plain: type | None):
    def method(self, other, *more):
        if is_remote(other) and type(other) is not RemoteClass:
            result = self._score_ask("special", name, other, *more)
            if self._score_compared or getattr(other, "_score_compared", False):
                _mark(result, name)
            return result
        if not self._score_named:
            if plain is not None and hasattr(plain, name):
                return getattr(plain, name)(self, other, *more)
            raise NotJudged(
                f"a test uses {name} on an object of the program and a {type(other).__name__}"
            )
        result = self._score_ask("special", name, other, *more)
        if not isinstance(result, NotImplementedType):
            _mark(result, name)
        return result

    return method


def _mark(result, name: str) -> None:
    """Remember that the program saw a value of the tests when it made this."""
    if (
        not is_remote(result)
        or isinstance(result, int | float | complex)
        or not result._score_named
    ):
        raise NotJudged(
            f"{name} of an object of the program and a value of a test gives a plain value"
        )
    object.__setattr__(result, "_score_compared", True)


def _contains(self, item):
    if self._score_named or is_remote(item):
        return self._score_ask("contains", item)
    content = self._score_content()
    held = self if content is None else content
    return any(one is item or one == item for one in iter(held))
