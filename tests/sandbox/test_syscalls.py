"""The seccomp filter decides as documented on both architectures, argument by argument."""

import platform
import re
from pathlib import Path

import pytest
from score.sandbox import syscalls

ALLOWED, EPERM, ENOSYS, KILLED = 0x7FFF0000, 0x50001, 0x50026, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
READ, FCNTL, IOCTL, CLONE, SOCKETPAIR, SENDTO, OPENAT, PRLIMIT, UNLINKAT = (
    {"x86_64": x86, "aarch64": arm}
    for x86, arm in (
        *((0, 63), (72, 25), (16, 29), (56, 220), (53, 199), (44, 206)),
        *((257, 56), (302, 261), (263, 35)),
    )
)
THREAD = 0x3D0F00  # what glibc's pthread_create asks of clone
STREAM, DATAGRAM, CLOEXEC = 1, 2, 0o2000000


def decision(machine: str, call: int, *arguments: int, writes=True, architecture=None) -> int:
    """What the filter returns, by a reading of it that follows the kernel's definition of BPF."""
    data = [call, architecture or ARCHITECTURES[machine], 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        data += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
    filters = syscalls.program(machine, writes)
    at = value = 0
    while True:
        line = filters.instructions[at]
        at += 1
        match line.code:
            case 0x20:
                value = data[line.k // 4]
            case 0x54:
                value &= line.k
            case 0x05:
                at += line.k
            case 0x15:
                at += line.if_true if value == line.k else line.if_false
            case 0x35:
                at += line.if_true if value >= line.k else line.if_false
            case 0x06:
                return line.k
            case _:
                raise AssertionError(line.code)


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        (READ, (), ALLOWED),
        (FCNTL, (0, 3), ALLOWED),  # F_GETFL
        (FCNTL, (0, 1030, 5), ALLOWED),  # F_DUPFD_CLOEXEC
        (FCNTL, (0, 4, 0o4000), ALLOWED),  # F_SETFL, O_NONBLOCK
        (FCNTL, (0, 4, 0o24000), EPERM),  # F_SETFL, O_NONBLOCK | O_ASYNC
        (FCNTL, (0, 3 | 1 << 32), ALLOWED),  # the kernel reads the low word alone
        *((FCNTL, (0, what, 99), EPERM) for what in (5, 6, 7, 8, 10, 15, 37, 1024, 1026, 1031)),
        (IOCTL, (0, 0x5421), ALLOWED),  # FIONBIO
        *((IOCTL, (0, what), EPERM) for what in (0x5412, 0x5452, 0x8901, 0x8902)),
        (CLONE, (THREAD,), ALLOWED),
        (CLONE, (17,), EPERM),  # fork
        (CLONE, (THREAD | 0x10000000,), EPERM),  # CLONE_NEWUSER
        (SOCKETPAIR, (1, STREAM | CLOEXEC), ALLOWED),
        (SOCKETPAIR, (1, DATAGRAM), EPERM),
        (SOCKETPAIR, (30, STREAM), EPERM),  # AF_TIPC
        (SENDTO, (3, 4096, 1, 0, 0, 0), ALLOWED),  # send
        (SENDTO, (3, 4096, 1, 0, 4096, 16), EPERM),
        (SENDTO, (3, 4096, 1, 0, 1 << 32, 16), EPERM),  # an address above 4 GiB
        (OPENAT, (0, 0, 0o2), ALLOWED),
        (OPENAT, (0, 0, 0o10000000), EPERM),  # O_PATH
        (PRLIMIT, (0, 7), ALLOWED),
        (PRLIMIT, (1, 7), EPERM),
    ],
)
def test_arguments_decide(machine, call, arguments, expected):
    assert decision(machine, call[machine], *arguments) == expected


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_nothing_is_changed_where_writes_are_off(machine):
    assert decision(machine, UNLINKAT[machine]) == ALLOWED
    assert decision(machine, UNLINKAT[machine], writes=False) == EPERM
    assert decision(machine, OPENAT[machine], writes=False) == ALLOWED
    for flags in (0o1, 0o2, 0o100, 0o1000):
        assert decision(machine, OPENAT[machine], 0, 0, flags, writes=False) == EPERM


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_is_not_listed_is_refused(machine):
    other = next(number for name, number in ARCHITECTURES.items() if name != machine)
    assert decision(machine, READ[machine], architecture=other) == KILLED
    assert decision(machine, 425) == decision(machine, 9999) == ENOSYS
    assert decision(machine, 0x40000000 | READ[machine]) == ENOSYS  # x32
    free = sum(decision(machine, number) == ALLOWED for number in range(424))
    assert 80 < free < 140


def test_the_numbers_are_those_of_the_kernels_headers():
    header = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}
    for column, machine in enumerate(ARCHITECTURES):
        path = Path("/usr/include", header[machine])
        if not path.exists():
            pytest.skip(f"no kernel headers here: {path} ({platform.machine()})")
        found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
        real = {name: int(number) for name, number in found}
        if machine == "aarch64":
            real["newfstatat"] = real["fstatat"]  # 64-bit machines have it under this name
        for table in (syscalls._FREE, syscalls._CHANGES_FILES, syscalls._BY_ARGUMENT):
            listed = syscalls.numbers(table, column)
            assert listed == {name: real[name] for name in listed}
