"""The seccomp filter of the sandbox: which system calls are refused.

Numbers are (x86_64, aarch64), None where the call does not exist. Calls from 424 on have one number
everywhere; they are refused as unknown, except a few harmless ones, so that calls of newer kernels
are refused too. Refused calls return an error; a call of another architecture ends the process.
"""

import ctypes

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_FIRST_UNIFIED = 424
_UNIFIED_ALLOWED = (436, 439, 441, 449)  # close_range, faccessat2, epoll_pwait2, futex_waitv
_CLONE, _OPEN, _OPENAT, _PRLIMIT = (56, 220), (2, None), (257, 56), (302, 261)

_REFUSED = (
    # processes: fork, vfork, execve, execveat, setsid, setpgid, prctl
    *((57, None), (58, None), (59, 221), (322, 281), (112, 157), (109, 154), (157, 167)),
    # signals: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo
    *((62, 129), (200, 130), (234, 131), (129, 138), (297, 240)),
    # network: socket, connect, accept, bind, listen, accept4
    *((41, 198), (42, 203), (43, 202), (49, 200), (50, 201), (288, 242)),
    # other processes: ptrace, process_vm_readv, process_vm_writev, kcmp, setpriority,
    # sched_setaffinity, sched_setscheduler, sched_setparam, sched_setattr, ioprio_set,
    # migrate_pages, move_pages
    *((101, 117), (310, 270), (311, 271), (312, 272), (141, 140), (203, 122), (144, 119)),
    *((142, 118), (314, 274), (251, 30), (256, 238), (279, 239)),
    # identity: setuid, setgid, setreuid, setregid, setresuid, setresgid, setgroups, setfsuid,
    # setfsgid, capset
    *((105, 146), (106, 144), (113, 145), (114, 143), (117, 147), (119, 149), (116, 159)),
    *((122, 151), (123, 152), (126, 91)),
    # namespaces and mounts: unshare, setns, mount, umount2, pivot_root, chroot
    *((272, 97), (308, 268), (165, 40), (166, 39), (155, 41), (161, 51)),
    # the kernel: bpf, perf_event_open, add_key, request_key, keyctl, userfaultfd, init_module,
    # finit_module, delete_module, kexec_load, kexec_file_load, reboot, swapon, swapoff, syslog,
    # acct, quotactl, settimeofday, clock_settime, adjtimex, clock_adjtime, sethostname,
    # setdomainname, iopl, ioperm, vhangup, personality, fanotify_init
    *((321, 280), (298, 241), (248, 217), (249, 218), (250, 219), (323, 282), (175, 105)),
    *((313, 273), (176, 106), (246, 104), (320, 294), (169, 142), (167, 224), (168, 225)),
    *((103, 116), (163, 89), (179, 60), (164, 170), (227, 112), (159, 171), (305, 266)),
    *((170, 161), (171, 162), (172, None), (173, None), (153, 58), (135, 92), (300, 262)),
    # what outlives a process: shmget, semget, msgget, mq_open, mq_unlink, memfd_create
    *((29, 194), (64, 190), (68, 186), (240, 180), (241, 181), (319, 279)),
    # files by handle: name_to_handle_at, open_by_handle_at
    *((303, 264), (304, 265)),
    # what Landlock does not cover: chmod, fchmod, fchmodat, chown, fchown, lchown, fchownat, utime,
    # utimes, futimesat, utimensat, setxattr, lsetxattr, fsetxattr, removexattr, lremovexattr,
    # fremovexattr, truncate
    *((90, None), (91, 52), (268, 53), (92, None), (93, 55), (94, None), (260, 54), (132, None)),
    *((235, None), (261, None), (280, 88), (188, 5), (189, 6), (190, 7), (197, 14), (198, 15)),
    *((199, 16), (76, 45)),
)
_CHANGES_FILES = (
    # mkdir, mkdirat, mknod, mknodat, symlink, symlinkat, link, linkat, rename, renameat, renameat2,
    # unlink, unlinkat, rmdir, creat
    *((83, None), (258, 34), (133, None), (259, 33), (88, None), (266, 36), (86, None), (265, 37)),
    *((82, None), (264, 38), (316, 276), (87, None), (263, 35), (84, None), (85, None)),
)

_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC


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
    for number in _UNIFIED_ALLOWED:
        lines += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    lines += [(_AT_LEAST, 0, 1, _FIRST_UNIFIED), (_RETURN, 0, 0, _ENOSYS)]
    for call in _REFUSED + (() if writes else _CHANGES_FILES):
        if call[column] is not None:
            lines += [(_EQUAL, 0, 1, call[column]), (_RETURN, 0, 0, _EPERM)]
    # threads are allowed, new processes are not
    lines += _test(_CLONE[column], 0, _ANY_BIT, _CLONE_THREAD, _ALLOW, _EPERM)
    # its own limits, never those of another process
    lines += _test(_PRLIMIT[column], 0, _EQUAL, 0, _ALLOW, _EPERM)
    if not writes:
        lines += _test(_OPENAT[column], 2, _ANY_BIT, _WRITING, _EPERM, _ALLOW)
        if _OPEN[column] is not None:
            lines += _test(_OPEN[column], 1, _ANY_BIT, _WRITING, _EPERM, _ALLOW)
    lines.append((_RETURN, 0, 0, _ALLOW))
    array = (_Instruction * len(lines))(*(_Instruction(*line) for line in lines))
    return _Filter(len(lines), array)


def _test(call: int, argument: int, comparison: int, k: int, if_true: int, if_false: int) -> list:
    """Decide `call` by the low word of one of its arguments."""
    return [
        (_EQUAL, 0, 4, call),
        (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
        (comparison, 0, 1, k),
        (_RETURN, 0, 0, if_true),
        (_RETURN, 0, 0, if_false),
    ]
