"""Become the command that follows, in a process that the kernel grants no namespaces.

    python without_namespaces.py COMMAND …

So it is in most containers. A seccomp filter refuses unshare.
"""

import ctypes
import os
import platform
import sys

_UNSHARE = {"x86_64": 272, "aarch64": 97}[platform.machine()]
_LINES = [(0x20, 0, 0, 0), (0x15, 0, 1, _UNSHARE), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000)]


class Line(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint16) for name in ("code", "branches")] + [("k", ctypes.c_uint32)]


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("lines", ctypes.POINTER(Line))]


lines = (Line * 4)(*(Line(code, true | false << 8, k) for code, true, false, k in _LINES))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(Filter(4, lines)), 0, 0):
    sys.exit("this system refuses seccomp")
os.execv(sys.argv[1], sys.argv[1:])
