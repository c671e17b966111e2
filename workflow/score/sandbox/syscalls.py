"""The seccomp filter of the sandbox: the system calls that a Python program needs to compute.

It is an allow-list. A call that is not in it returns an error, so that what nobody thought of and
what a newer kernel adds is refused as well. Where a call does both harmless and harmful things, its
arguments decide. Path names cannot be checked here: the private root and Landlock do that.
"""

import ctypes

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_FIRST_UNIFIED = 424  # from here on a call has one number everywhere

# name, number on x86_64, number on aarch64; "-" where the call does not exist
_FREE = """
    read 0 63           write 1 64          readv 19 65         writev 20 66
    pread64 17 67       pwrite64 18 68      preadv 295 69       pwritev 296 70
    lseek 8 62          close 3 57          close_range 436 436 dup 32 23
    dup2 33 -           dup3 292 24         fstat 5 80          sendfile 40 71
    fsync 74 82         fdatasync 75 83     ftruncate 77 46     fallocate 285 47
    fadvise64 221 223   copy_file_range 326 285                 pipe 22 -
    pipe2 293 59        poll 7 -            ppoll 271 73        select 23 -
    pselect6 270 72     epoll_create1 291 20                    epoll_ctl 233 21
    epoll_wait 232 -    epoll_pwait 281 22  epoll_pwait2 441 441
    getdents 78 -       getdents64 217 61   getcwd 79 17        chdir 80 49
    fchdir 81 50        umask 95 166        stat 4 -            lstat 6 -
    newfstatat 262 79   statx 332 291       access 21 -         faccessat 269 48
    faccessat2 439 439  readlink 89 -       readlinkat 267 78   statfs 137 43
    fstatfs 138 44

    mmap 9 222          mprotect 10 226     munmap 11 215       brk 12 214
    mremap 25 216       msync 26 227        mincore 27 232      madvise 28 233

    exit 60 93          exit_group 231 94   futex 202 98        futex_waitv 449 449
    set_robust_list 273 99                  set_tid_address 218 96
    rseq 334 293        membarrier 324 283  sched_yield 24 124  getcpu 309 168
    rt_sigaction 13 134 rt_sigprocmask 14 135                   rt_sigreturn 15 139
    rt_sigpending 127 136                   rt_sigtimedwait 128 137
    rt_sigsuspend 130 133                   sigaltstack 131 132 pause 34 -
    restart_syscall 219 128

    nanosleep 35 101    clock_nanosleep 230 115                 clock_gettime 228 113
    clock_getres 229 114                    gettimeofday 96 169 time 201 -
    getitimer 36 102    setitimer 38 103    alarm 37 -          times 100 153
    getpid 39 172       gettid 186 178      getppid 110 173     getuid 102 174
    getgid 104 176      geteuid 107 175     getegid 108 177     getgroups 115 158
    getrlimit 97 163    getrusage 98 165    uname 63 160        getrandom 318 278

    recvfrom 45 207     shutdown 48 210
"""
_CHANGES_FILES = """
    mkdir 83 -          mkdirat 258 34      symlink 88 -        symlinkat 266 36
    link 86 -           linkat 265 37       rename 82 -         renameat 264 38
    renameat2 316 276   unlink 87 -         unlinkat 263 35     rmdir 84 -
    creat 85 -
"""
_BY_ARGUMENT = """
    clone 56 220        prlimit64 302 261   sched_getaffinity 204 123
    fcntl 72 25         ioctl 16 29         socketpair 53 199   sendto 44 206
    open 2 -            openat 257 56
"""

_ALL = 0xFFFFFFFF
_THREAD, _OF_THREADS = 0x00010000, 0x007D0F00  # CLONE_THREAD; the flags of pthread_create
_ASYNC = 0o20000  # O_ASYNC: a signal when a file is ready
_STREAM, _STREAM_FLAGS = 1, 0o2004000  # SOCK_STREAM; SOCK_CLOEXEC and SOCK_NONBLOCK
_PATH_ONLY = 0o10000000  # O_PATH: Landlock does not look at it
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC
_FCNTL = (0, 1, 2, 3, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)

_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_LOAD, _AND, _EQUAL, _AT_LEAST, _JUMP, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x05, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction))]


def program(machine: str, writes: bool) -> _Filter | None:
    """The filter for prctl; None on a machine whose call numbers are not listed here.

    machine: as platform.machine() names it. writes: whether files may be changed at all, which is
    where Landlock restricts which.
    """
    if machine not in _ARCHITECTURES:
        return None
    column, architecture = _ARCHITECTURES[machine]
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for number in numbers(_FREE + (_CHANGES_FILES if writes else ""), column).values():
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    by_argument = numbers(_BY_ARGUMENT, column)
    for name, conditions in _rules(writes):
        if name in by_argument:
            lines += _allow_if(by_argument[name], conditions)
    # an unknown call of a newer kernel, which libraries try and then do without
    lines += [(_AT_LEAST, 0, 1, _FIRST_UNIFIED), (_RETURN, 0, 0, _ENOSYS), (_RETURN, 0, 0, _EPERM)]
    array = (_Instruction * len(lines))(*(_Instruction(*line) for line in lines))
    return _Filter(len(lines), array)


def numbers(table: str, column: int) -> dict[str, int]:
    """Name -> number in a table above; column: 0 for x86_64, 1 for aarch64."""
    words = table.split()
    pairs = zip(words[::3], words[1 + column :: 3], strict=True)
    return {name: int(number) for name, number in pairs if number != "-"}


def _rules(writes: bool) -> list[tuple[str, list]]:
    """Calls with what must hold for them: (offset of a word, mask, values that are allowed)."""
    opening = _PATH_ONLY | (0 if writes else _WRITING)
    return [
        # threads, not processes
        ("clone", [(_low(0), _THREAD, [_THREAD]), (_low(0), _ALL & ~_OF_THREADS, [0])]),
        # of this process, never of another
        ("prlimit64", [(_low(0), _ALL, [0])]),
        ("sched_getaffinity", [(_low(0), _ALL, [0])]),
        ("fcntl", [(_low(1), _ALL, _FCNTL)]),
        ("fcntl", [(_low(1), _ALL, [4]), (_low(2), _ASYNC, [0])]),  # F_SETFL
        ("ioctl", [(_low(1), _ALL, _IOCTL)]),
        # asyncio wakes its loop through a pair of stream sockets, which no address can leave
        ("socketpair", [(_low(0), _ALL, [1]), (_low(1), _ALL & ~_STREAM_FLAGS, [_STREAM])]),
        ("sendto", [(_low(4), _ALL, [0]), (_low(4) + 4, _ALL, [0])]),
        ("open", [(_low(1), opening, [0])]),
        ("openat", [(_low(2), opening, [0])]),
    ]


def _low(argument: int) -> int:
    """Where the low word of an argument stands in seccomp_data."""
    return 16 + 8 * argument


def _allow_if(call: int, conditions: list) -> list:
    """Allow `call` where all conditions hold; go on behind these lines where one does not."""
    body = []
    for offset, mask, values in conditions:
        body += [(_LOAD, 0, 0, offset), (_AND, 0, 0, mask)]
        # a match jumps over the values that follow and over the jump to the end
        body += [(_EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
        body.append((_JUMP, 0, 0, None))
    body.append((_RETURN, 0, 0, _ALLOW))
    end = len(body)
    body = [(*line[:3], end - i - 1) if line[0] == _JUMP else line for i, line in enumerate(body)]
    return [(_EQUAL, 0, end, call), *body, (_LOAD, 0, 0, _NUMBER_AT)]
