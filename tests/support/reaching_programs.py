"""Acts that signal, send, watch, share, look at or change something outside, by kind.

An act is statements and a last expression, which is True only when the act has worked. {pid} is a
process that notes every signal, {socket} and {abstract} are addresses of datagrams, {secret} is a
file, {home} its folder; the test fills them in.
"""

_HEAD = """
import ctypes, fcntl, os, platform, resource, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == 'x86_64'
reading, writing = os.pipe()
"""
_TAIL = """
def escape():
    worked = []
    for name, act in acts.items():
        try:
            if act(): worked.append(name)
        except OSError: pass
        except Exception as error: worked.append(f'{name}: {error!r}')
    return worked
"""


def program(acts: dict[str, str], **names) -> str:
    """Its escape() returns the names of the acts that worked, and of those that are no programs."""
    lines = [_HEAD]
    for number, body in enumerate(acts.values()):
        *first, last = body.format(**names).split("; ")
        lines += [f"def act_{number}():", *(f"    {line}" for line in first)]
        lines += [f"    return ({last}) is True"]
    listed = ", ".join(f"{name!r}: act_{number}" for number, name in enumerate(acts))
    return "\n".join([*lines, f"acts = {{{listed}}}", _TAIL])


# libc.syscall(x86 number if x86 else the one of aarch64, …)
_SIGNALS = {
    "sends itself as owner: F_SETOWN": "fcntl.fcntl(reading, 8, {pid}); True",
    "an owner and a signal for a pipe": "fcntl.fcntl(reading, 8, {pid}); fcntl.fcntl(reading, 10, 15);"
    " fcntl.fcntl(reading, 4, fcntl.fcntl(reading, 3) | os.O_ASYNC); os.write(writing, b'x') == 1",
    "F_SETOWN_EX": "fcntl.fcntl(reading, 15, struct.pack('ii', 1, {pid})); True",
    "F_SETSIG": "fcntl.fcntl(reading, 10, 9); True",
    "O_ASYNC": "fcntl.fcntl(reading, 4, os.O_ASYNC); True",
    "F_SETLEASE": "fcntl.fcntl(os.open(os.__file__, 0), 1024, 0); True",
    "F_NOTIFY": "fcntl.fcntl(os.open(os.path.dirname(os.__file__), 0), 1026, 2); True",
    "FIOASYNC": "fcntl.ioctl(reading, 0x5452, struct.pack('i', 1)); True",
    "FIOSETOWN": "a, b = socket.socketpair();"
    " fcntl.ioctl(a.fileno(), 0x8901, struct.pack('i', {pid})); True",
    "SIOCSPGRP": "a, b = socket.socketpair();"
    " fcntl.ioctl(a.fileno(), 0x8902, struct.pack('i', {pid})); True",
    "kill": "os.kill({pid}, 10); True",
    "kill through libc": "libc.kill({pid}, 10) == 0",
    "killpg": "os.killpg({pid}, 10); True",
    "tkill": "libc.syscall(200 if x86 else 130, {pid}, 10) == 0",
    "tgkill": "libc.syscall(234 if x86 else 131, {pid}, {pid}, 10) == 0",
    "rt_sigqueueinfo": "libc.syscall(129 if x86 else 138, {pid}, 10,"
    " struct.pack('iii', 10, 0, -1).ljust(128, bytes(1))) == 0",
    "rt_tgsigqueueinfo": "libc.syscall(297 if x86 else 240, {pid}, {pid}, 10,"
    " struct.pack('iii', 10, 0, -1).ljust(128, bytes(1))) == 0",
    "sigqueue": "libc.sigqueue({pid}, 10, None) == 0",
    "pidfd_open": "libc.syscall(434, {pid}, 0) >= 0",
    "pidfd_send_signal": "libc.syscall(424, libc.syscall(434, {pid}, 0), 10, None, 0) == 0",
    "a timer that signals a thread": "timer = ctypes.c_void_p();"
    " libc.timer_create(0, struct.pack('Qiii', 0, 10, 4, {pid}).ljust(64, bytes(1)),"
    " ctypes.byref(timer)) == 0",
    "PR_SET_PDEATHSIG": "libc.prctl(1, 10, 0, 0, 0) == 0",
    "PR_SET_PTRACER": "libc.prctl(0x59616d61, ctypes.c_long(-1), 0, 0, 0) == 0",
    "a queue that notifies": "libc.mq_open(b'/score-escape', 0o102, 0o600, None) >= 0",
}
_SENDS = {
    "sendto a path": "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM);"
    " a.sendto(b'x', '{socket}') == 1",
    "sendto an abstract name": "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM);"
    " a.sendto(b'x', b'\\0{abstract}') == 1",
    "sendmsg to a path": "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM);"
    " a.sendmsg([b'x'], [], 0, '{socket}') == 1",
    "sendto a path from a stream": "a, b = socket.socketpair(); a.sendto(b'x', '{socket}') == 1",
    "connects a pair elsewhere": "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM);"
    " a.connect('{socket}'); a.send(b'x') == 1",
    "passes a file over a pair": "a, b = socket.socketpair();"
    " socket.send_fds(a, [b'x'], [reading]) == 1",
    "a pair of packets": "socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET); True",
    "a pair of another family": "libc.socketpair(30, 1, 0, (ctypes.c_int * 2)()) == 0",
    "binds a name": "a, b = socket.socketpair(); a.bind(b'\\0score-escape'); True",
    "a filter on a socket": "a, b = socket.socketpair();"
    " a.setsockopt(socket.SOL_SOCKET, 26, bytes(16)); True",
    "a socket of the kernel": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); True",
    "a socket of ciphers": "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET); True",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM); True",
    "io_uring": "libc.syscall(425, 1, bytes(120)) >= 0",
}
_PROCESSES = {
    "ptrace": "libc.ptrace(16, {pid}, 0, 0) == 0",
    "seizes": "libc.ptrace(0x4206, {pid}, 0, 0) == 0",
    "is traced": "libc.ptrace(0, 0, 0, 0) == 0",
    "process_vm_readv": "libc.process_vm_readv({pid}, None, 0, None, 0, 0) == 0",
    "process_vm_writev": "libc.process_vm_writev({pid}, None, 0, None, 0, 0) == 0",
    "process_madvise": "libc.syscall(440, libc.syscall(434, {pid}, 0), None, 0, 4, 0) >= 0",
    "pidfd_getfd": "libc.syscall(438, libc.syscall(434, {pid}, 0), 1, 0) >= 0",
    "kcmp": "libc.syscall(312 if x86 else 272, {pid}, {pid}, 1, 0, 0) >= 0",
    "get_robust_list": "head = ctypes.c_void_p(); size = ctypes.c_size_t();"
    " libc.syscall(274 if x86 else 100, {pid}, ctypes.byref(head), ctypes.byref(size)) == 0",
    "setpriority": "os.setpriority(os.PRIO_PROCESS, {pid}, 19); True",
    "getpriority": "os.getpriority(os.PRIO_PROCESS, {pid}) >= -20",
    "ioprio_set": "libc.syscall(251 if x86 else 30, 1, {pid}, 3 << 13) == 0",
    "sched_setaffinity": "os.sched_setaffinity({pid}, [0]); True",
    "sched_getaffinity": "len(os.sched_getaffinity({pid})) > 0",
    "sched_setscheduler": "os.sched_setscheduler({pid}, os.SCHED_BATCH, os.sched_param(0)); True",
    "sched_getscheduler": "os.sched_getscheduler({pid}) >= 0",
    "sched_setattr": "libc.syscall(314 if x86 else 274, {pid}, bytes(48), 0) == 0",
    "prlimit": "resource.prlimit({pid}, resource.RLIMIT_NOFILE, (16, 16)); True",
    "migrate_pages": "libc.syscall(256 if x86 else 238, {pid}, 1, bytes(8), bytes(8)) >= 0",
    "getpgid": "os.getpgid({pid}) >= 0",
    "getsid": "os.getsid({pid}) >= 0",
    "setpgid": "os.setpgid(0, 0); True",
    "capget": "libc.capget((ctypes.c_uint32 * 2)(0x20080522, {pid}), (ctypes.c_uint32 * 6)()) == 0",
    "waitid": "os.waitid(os.P_PID, {pid}, os.WEXITED | os.WNOHANG); True",
    "vfork": "libc.syscall(58 if x86 else 220, 0x4011) >= 0",
    "clone into new namespaces": "libc.syscall(56 if x86 else 220, 0x10000011, 0, 0, 0, 0) >= 0",
    "clone3": "libc.syscall(435, struct.pack('Q4xI', 0x10000000, 17).ljust(88, bytes(1)), 88) >= 0",
    "setns": "libc.setns(reading, 0) == 0",
    "personality": "libc.personality(0x0040000) >= 0",
    "read through /proc": "len(open('/proc/{pid}/status').read()) > 0",
    "list through /proc": "len(os.listdir('/proc/{pid}/fd')) > 0",
    "lists /proc": "len(os.listdir('/proc')) > 0",
}
_WATCHES = {
    "inotify": "libc.inotify_add_watch(libc.inotify_init(), b'{home}', 0xfff) >= 0",
    "inotify_init1": "libc.inotify_init1(0) >= 0",
    "fanotify": "libc.fanotify_init(0, 0) >= 0",
    "fanotify without rights": "libc.fanotify_init(0x200, 0) >= 0",
    "perf_event_open": "libc.syscall(298 if x86 else 241, struct.pack('IIQ', 1, 112, 0)"
    ".ljust(112, bytes(1)), {pid}, -1, -1, 0) >= 0",
    "bpf": "libc.syscall(321 if x86 else 280, 0, struct.pack('IIII', 1, 4, 4, 1), 16) >= 0",
    "userfaultfd": "libc.syscall(323 if x86 else 282, 1) >= 0",
    "the load of the machine": "libc.sysinfo(bytes(128)) == 0",
    "the log of the kernel": "libc.klogctl(10, None, 0) >= 0",
}
_SHARES = {
    "shmget": "libc.shmget(7, 4096, 0o1600) >= 0",
    "semget": "libc.semget(7, 1, 0o1600) >= 0",
    "msgget": "libc.msgget(7, 0o1600) >= 0",
    "shm_open": "libc.shm_open(b'/score-escape', 0o102, 0o600) >= 0",
    "memfd_create": "libc.memfd_create(b'x', 0) >= 0",
    "memfd_secret": "libc.syscall(447, 0) >= 0",
    "add_key": "libc.syscall(248 if x86 else 217, b'user', b'score-escape', b'x', 1, -3) >= 0",
    "keyctl": "libc.syscall(250 if x86 else 219, 0, -3, 1) >= 0",
    "flock of a file of Python": "fcntl.flock(os.open(os.__file__, 0), fcntl.LOCK_EX); True",
    "lockf of a file of Python": "fcntl.lockf(os.open(os.__file__, 0), fcntl.LOCK_SH); True",
    "an open file's lock": "fcntl.fcntl(os.open(os.__file__, 0), 37, bytes(32)); True",
    "the size of a pipe": "fcntl.fcntl(reading, 1031, 2 ** 20) > 0",
    "vmsplice": "libc.vmsplice(writing, None, 0, 0) >= 0",
}
_CHANGES = {
    "truncate": "os.truncate('{secret}', 0); True",
    "truncate by openat": "os.open('{secret}', os.O_RDONLY | os.O_TRUNC) >= 0",
    "chmod": "os.chmod('{secret}', 0); True",
    "chmod of Python": "os.chmod(os.__file__, 0); True",
    "fchmod": "os.fchmod(os.open(os.__file__, 0), 0o600); True",
    "fchmodat2": "libc.syscall(452, -100, b'{secret}', 0, 0) == 0",
    "chown": "os.chown('{secret}', 1, 1); True",
    "lchown": "os.lchown(os.__file__, 0, 0); True",
    "utime": "os.utime('{secret}', (0, 0)); True",
    "utime of Python": "os.utime(os.__file__); True",
    "setxattr": "os.setxattr('{secret}', 'user.x', b'x'); True",
    "fsetxattr": "os.setxattr(os.open(os.__file__, 0), 'user.x', b'x'); True",
    "removexattr": "os.removexattr(os.__file__, 'user.x'); True",
    "link": "os.link('{secret}', 'link'); True",
    "renames into its scratch": "os.rename('{secret}', 'moved'); True",
    "makes a FIFO": "os.mkfifo('{home}/fifo'); True",
    "makes a device": "os.mknod('device', 0o20600, os.makedev(1, 1)); True",
    "marks a file immutable": "fcntl.ioctl(os.open(os.__file__, 0), 0x40086602, bytes(8)); True",
    "clones a file": "fcntl.ioctl(os.open('copy', 66, 384), 0x40049409, os.open(os.__file__, 0)); True",
    "open_tree": "libc.syscall(428, -100, b'/', 0) >= 0",
    "fsopen": "libc.syscall(430, b'tmpfs', 0) >= 0",
    "mount_setattr": "libc.syscall(442, -100, b'/', 0, struct.pack('QQQQ', 0, 1, 0, 0), 32) == 0",
    "chroot": "os.chroot('.'); True",
    "name_to_handle_at": "libc.name_to_handle_at(-100, b'/', struct.pack('Ii128x', 128, 0),"
    " ctypes.byref(ctypes.c_int()), 0) == 0",
    "open_by_handle_at": "libc.open_by_handle_at(-100, struct.pack('Ii8x', 8, 1), 0) >= 0",
}
# Path names cannot be checked in a filter, so these need the sandbox's own root folder.
_LOOKS = {
    "stat": "os.stat('{secret}').st_size > 0",
    "lstat": "os.lstat('{secret}').st_size > 0",
    "exists": "os.path.exists('{secret}')",
    "statx": "libc.syscall(332 if x86 else 291, -100, b'{secret}', 0, 0x7ff,"
    " ctypes.create_string_buffer(256)) == 0",
    "access": "os.access('{secret}', os.F_OK)",
    "faccessat2": "libc.syscall(439, -100, b'{secret}', 0, 0) == 0",
    "readlink": "len(os.readlink('/proc/self/exe')) > 0",
    "the kernel's own link": "len(os.readlink('/proc/self/cwd')) > 0",
    "getxattr": "os.getxattr('{secret}', 'user.note') == b'x'",
    "listxattr": "len(os.listxattr('{secret}')) > 0",
    "O_PATH": "os.fstat(os.open('{secret}', os.O_PATH)).st_size > 0",
    "openat2": "libc.syscall(437, -100, b'{secret}', bytes(24), 24) >= 0",
    "chdir and a relative name": "os.chdir('{home}'); os.stat('secret').st_size > 0",
    "upwards": "any(os.path.exists('../' * n + 'etc/passwd') for n in range(9))",
    "existence by the error of open": "libc.open(b'{secret}', 0) < 0 and ctypes.get_errno() == 13",
    "statvfs": "os.statvfs('{home}').f_blocks > 0",
    "the accounts": "os.stat('/etc/passwd').st_size > 0",
    "lists the root": "len(os.listdir('/')) > 0",
    "lists the home": "len(list(os.scandir('{home}'))) > 0",
    "the system's settings": "os.path.exists('/sys/kernel') or os.path.exists('/proc/sys')",
    "the name of the machine": "os.uname().nodename == '{nodename}'",
    "its parent's number": "os.getppid() > 1",
}

REACHES = {"signals": _SIGNALS, "sends": _SENDS, "processes": _PROCESSES, "watches": _WATCHES}
REACHES |= {"shares": _SHARES, "changes": _CHANGES}
LOOKS = {"looks": _LOOKS}
