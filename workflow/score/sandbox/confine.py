"""What a sandboxed process gives up before it runs any code that is not trusted.

Each layer is had from the kernel without privileges, and holds for the rest of the process's life:

    limits       CPU seconds, memory, processes, file size, open files, core dumps
    namespaces   no network, no shared memory of others, a private mount table
    scratch      16 MB of memory as the only place to write; freed when the process ends
    Landlock     reads the Python installation only, writes the scratch only
    seccomp      no new processes, no exec, no sockets, no signals, no tracing, no mounts; without
                 scratch or Landlock also no change to any file

Where the kernel refuses seccomp, an audit hook refuses sockets, processes and writing: that stops
accidents and simple attacks, not a determined program. `confine` returns the layers that hold.
"""

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Iterable

from score.sandbox import syscalls

_NEWNS, _NEWIPC, _NEWUSER, _NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_SCRATCH_OPTIONS = b"size=16m,nr_inodes=1024,mode=0700"


def confine(memory: int, seconds: int, parent: int = 0, packages: Iterable[str] = ()) -> list[str]:
    """Give up everything but computing, in the current directory, for good.

    memory: bytes. seconds: of CPU. parent: the process with which this one ends, 0 for none.
    packages: folders of installed packages that may be read too.
    """
    layers = ["limits"]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if _namespaces(libc):
            layers.append("namespaces")
            if _scratch(libc):
                layers.append("scratch")
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _landlock(libc, packages, writable="." if "scratch" in layers else None):
            layers.append("landlock")
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # its memory is closed to its siblings
        _drop_capabilities(libc)
        libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)  # last: a change of rights clears it
        if parent and os.getppid() != parent:  # the parent ended before the line above
            os._exit(1)
        writes = {"scratch", "landlock"} <= set(layers)
        filters = syscalls.program(platform.machine(), writes)
        if filters and libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(filters), 0, 0) == 0:
            layers.append("seccomp")
    if "seccomp" not in layers:
        sys.addaudithook(_refuse)
        layers.append("audit hook")
    limit_resources(CPU=seconds, AS=memory, NPROC=64, FSIZE=2**24, NOFILE=64, CORE=0)
    return layers


def limit_resources(**limits: int) -> None:
    """Limit this process for good, by the names of RLIMIT_…, where the system has such a limit."""
    for name, limit in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is not None:
            hard = resource.getrlimit(number)[1]
            limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            try:
                resource.setrlimit(number, (limit, limit))
            except (OSError, ValueError):
                pass  # macOS does not take all of them


def _namespaces(libc) -> bool:
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEWUSER | _NEWNS | _NEWIPC | _NEWNET) == 0:
        try:
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        except OSError:
            pass  # the namespaces hold all the same; the scratch then fails and nothing is written
        return True
    return libc.unshare(_NEWNS | _NEWIPC | _NEWNET) == 0


def _scratch(libc) -> bool:
    here = os.getcwd().encode()
    private, no_suid_dev_exec = 0x4000 | 0x40000, 2 | 4 | 8
    if libc.mount(None, b"/", None, private, None) != 0:
        return False
    if libc.mount(b"tmpfs", here, b"tmpfs", no_suid_dev_exec, _SCRATCH_OPTIONS) != 0:
        return False
    os.chdir(here)
    return True


def _landlock(libc, packages: Iterable[str], writable: str | None) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    everything = (1 << (13, 14, 15)[min(version, 3) - 1]) - 1
    handled = ctypes.c_uint64(everything)
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(handled), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        return False
    read = _READ_FILE | _READ_DIR
    for path in {
        sys.base_prefix,
        os.path.dirname(os.__file__),
        "/usr",
        "/lib",
        "/lib64",
        *packages,
    }:
        _allow(libc, ruleset, path, read)
    for path in ("/dev/null", "/dev/zero", "/dev/urandom"):
        _allow(libc, ruleset, path, _READ_FILE | 2)
    if writable is not None:
        _allow(libc, ruleset, writable, everything & ~1)
    restricted = libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return restricted


def _allow(libc, ruleset: int, path: str, access: int) -> None:
    class Rule(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("access", ctypes.c_uint64), ("parent", ctypes.c_int32)]

    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rule = Rule(access, folder)
    libc.syscall(_LANDLOCK_ADD, ruleset, 1, ctypes.byref(rule), 0)
    os.close(folder)


def _drop_capabilities(libc) -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)()
    libc.capset(header, none)


_REFUSED = ("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system")
_REFUSED += ("os.kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.link")
_REFUSED += ("os.symlink", "os.truncate", "shutil.", "ctypes.", "signal.pthread_kill", "pty.spawn")


def _refuse(event: str, args: tuple) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"{event} is refused here")
    if event == "open" and isinstance(args[2], int) and args[2] & 0o1103:
        raise PermissionError("writing files is refused here")
