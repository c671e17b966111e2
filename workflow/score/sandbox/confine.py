"""What a sandboxed process gives up before it runs any code that is not trusted.

Each layer is had from the kernel without privileges, and holds for the rest of the process's life:

    limits       CPU seconds, memory, processes, file size, open files, core dumps
    namespaces   no network, no process of others, no shared memory of others, a private mount table
    root         a root folder that holds the libraries of Python and of the system, read-only, and
                 16 MB of memory as the only place to write; freed when the process ends
    landlock     reads these libraries only, writes that place only; no signal and no abstract socket
                 reaches out (Linux 6.12)
    seccomp      the calls that computing needs (syscalls.py); without root or Landlock no change to
                 any file

Where the kernel refuses seccomp, an audit hook refuses sockets, processes, signals and writing: that
stops accidents and simple attacks, not a determined program. `confine` returns the layers that hold.
"""

import ctypes
import os
import resource
import sys
from collections.abc import Iterable

from score.sandbox import syscalls

_NEWNS, _NEWUTS, _NEWIPC, _NEWPID = 0x00020000, 0x04000000, 0x08000000, 0x20000000
_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _WRITE_FILE, _READ_DIR = 1 << 2, 1 << 1, 1 << 3
_READ_ONLY, _NO_SUID_DEV_EXEC, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 14, 32, 4096, 16384, 2**18
_ROOT_OPTIONS = b"size=16m,nr_inodes=1024,mode=0700"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def confine(memory: int, seconds: int, parent: int = 0, packages: Iterable[str] = ()) -> list[str]:
    """Give up everything but computing, in the current directory, for good.

    It may return in a child: the first process of a namespace, whose parent only waits for it.

    memory: bytes. seconds: of CPU. parent: the process with which this one ends, 0 for none.
    packages: folders of installed packages that may be read too.
    """
    layers = ["limits"]
    readable = libraries(packages)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        starter = None
        if _namespaces(libc):
            layers.append("namespaces")
            starter = _first_process(libc, parent)
            if _root(libc, readable):
                layers.append("root")
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if _landlock(libc, readable, writable="." if "root" in layers else None):
            layers.append("landlock")
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)  # its memory is closed to its siblings
        _drop_capabilities(libc)
        if starter is None:
            _end_with_parent(libc, parent)  # last: a change of rights undoes it
        else:
            _end_with_starter(libc, starter)
        writes = {"root", "landlock"} <= set(layers)
        filters = syscalls.program(os.uname().machine, writes)
        if filters and libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(filters), 0, 0) == 0:
            layers.append("seccomp")
    if "seccomp" not in layers:
        sys.addaudithook(_refuse)
        layers.append("audit hook")
    limit_resources(CPU=seconds, AS=memory, NPROC=64, FSIZE=2**24, NOFILE=64, CORE=0)
    return layers


def libraries(packages: Iterable[str] = ()) -> list[str]:
    """The folders of Python's modules, of the system's libraries and of packages, none in another."""
    found = {os.path.dirname(os.__file__), "/lib", "/lib64", *packages}
    for prefix in (sys.base_prefix, sys.base_exec_prefix, "/usr", "/usr/local"):
        found |= {os.path.join(prefix, name) for name in ("lib", "lib64", "share/zoneinfo")}
    folders: list[str] = []
    for folder in sorted(filter(os.path.isdir, found)):
        if not any(folder.startswith(outer + "/") for outer in folders):
            folders.append(folder)
    return folders


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
    apart = _NEWNS | _NEWUTS | _NEWIPC | _NEWNET | _NEWPID
    if libc.unshare(_NEWUSER | apart) == 0:
        try:
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        except OSError:
            pass  # the namespaces hold all the same; the root then fails and nothing is written
    elif libc.unshare(apart) != 0:
        return False
    libc.sethostname(b"sandbox", 7)
    return True


def _first_process(libc, parent: int) -> int:
    """Go on as the first process of the new namespace, to which no process outside has a number.

    Returns the end of a pipe of which the other end closes when the process ends that called this.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        return reading
    _end_with_parent(libc, parent)
    os.waitpid(child, 0)
    os._exit(0)


def _end_with_parent(libc, parent: int) -> None:
    libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if parent and os.getppid() != parent:  # the parent ended before the line above
        os._exit(1)


def _end_with_starter(libc, starter: int) -> None:
    """As _end_with_parent, where the parent is outside the namespace and so has no number."""
    libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    os.set_blocking(starter, False)
    try:
        os.read(starter, 1)
    except BlockingIOError:
        os.close(starter)  # it lives
    else:
        os._exit(1)


def _root(libc, readable: list[str]) -> bool:
    """Make the current directory a root folder with the folders `readable` in it, and enter it."""
    try:
        return _furnish(libc, os.getcwd(), readable)
    except OSError:
        return False  # a folder that could not be made, or chroot is refused


def _furnish(libc, here: str, readable: list[str]) -> bool:
    if libc.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None) != 0:
        return False
    if libc.mount(b"tmpfs", here.encode(), b"tmpfs", _NO_SUID_DEV_EXEC, _ROOT_OPTIONS) != 0:
        return False
    for folder in readable:
        os.makedirs(here + folder)
        if not _bind(libc, folder, here + folder):
            return False
        kept = os.statvfs(here + folder).f_flag & _NO_SUID_DEV_EXEC
        options = _REMOUNT | _BIND | _READ_ONLY | kept
        if libc.mount(None, os.fsencode(here + folder), None, options, None) != 0:
            return False
    os.mkdir(here + "/dev")
    for device in _DEVICES:
        with open(here + device, "w"):
            pass
        _bind(libc, device, here + device)
    os.mkdir(here + "/scratch")
    os.chroot(here)
    os.chdir("/scratch")
    return True


def _bind(libc, source: str, target: str) -> bool:
    options = _BIND | _RECURSIVE
    return libc.mount(os.fsencode(source), os.fsencode(target), None, options, None) == 0


def _landlock(libc, readable: list[str], writable: str | None) -> bool:
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    everything = (1 << (13, 14, 15, 15, 16)[min(version, 5) - 1]) - 1
    # files; TCP (version 4); abstract sockets and signals (version 6)
    handled = (ctypes.c_uint64 * 3)(everything, 3, 3)
    size = ctypes.c_size_t(8 if version < 4 else 16 if version < 6 else 24)
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(handled), size, 0)
    if ruleset < 0:
        return False
    for path in readable:
        _allow(libc, ruleset, path, _READ_FILE | _READ_DIR)
    for path in _DEVICES:
        _allow(libc, ruleset, path, _READ_FILE | _WRITE_FILE)
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


_REFUSED: tuple[str, ...]
_REFUSED = ("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system")
_REFUSED += ("os.kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.link")
_REFUSED += ("os.symlink", "os.truncate", "os.chown", "os.utime", "os.setxattr", "os.removexattr")
_REFUSED += ("shutil.", "ctypes.", "signal.pthread_kill", "pty.spawn", "fcntl.", "resource.prlimit")


def _refuse(event: str, args: tuple) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"{event} is refused here")
    if event == "open" and isinstance(args[2], int) and args[2] & 0o1103:
        raise PermissionError("writing files is refused here")
