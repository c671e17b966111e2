"""numpy in the sandbox: the one package beside the standard library that programs and tests may use."""

import os
import sys
from functools import lru_cache
from importlib.machinery import ModuleSpec, SourceFileLoader

OFFERED = frozenset({"numpy"})


@lru_cache(maxsize=1)
def numpy_folder() -> str:
    """The folder of the numpy that this interpreter would import; empty where there is none."""
    from importlib.util import find_spec

    spec = find_spec("numpy")
    return "" if spec is None or spec.origin is None else os.path.dirname(spec.origin)


def folders(numpy: str) -> list[str]:
    """The folders that importing it reads."""
    return [path for path in (numpy, f"{numpy}.libs") if numpy and os.path.isdir(path)]


def offer_numpy(folder: str) -> None:
    """Make `import numpy` work in an interpreter without site-packages, and nothing else of these."""
    if folder:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the sandbox limits threads and memory
        sys.meta_path.append(_NumpyFinder(folder))


class _NumpyFinder:
    def __init__(self, folder: str):
        self._folder = folder

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name != "numpy":
            return None
        origin = os.path.join(self._folder, "__init__.py")
        spec = ModuleSpec(name, SourceFileLoader(name, origin), origin=origin, is_package=True)
        spec.submodule_search_locations = [self._folder]
        spec.has_location = True
        return spec


def refuse_empty_comparisons() -> None:
    """Make numpy's closeness of something and nothing false, which broadcasting makes true.

    Tests in EvalPlus' shape compare floats with allclose alone, so that [] would be equal to 3.0.
    """
    import numpy
    import numpy.testing

    for module, names in (
        (numpy, ("allclose", "isclose")),
        (numpy.testing, ("assert_allclose", "assert_almost_equal", "assert_array_almost_equal")),
    ):
        for name in names:
            setattr(module, name, _strict(getattr(module, name), numpy.size))


def _strict(function, size):
    def close(a, b, *args, **kwargs):
        if (size(a) == 0) != (size(b) == 0):
            raise AssertionError("an empty value is compared with one that is not empty")
        return function(a, b, *args, **kwargs)

    return close
