"""Programs that must not get out. Nothing here is imported by the package.

An escape defines escape(), which returns True only when the forbidden act has worked, so "passed"
would mean that it has.
"""

# {home}, {secret}, {port} and {pid} are filled in by the test.
ESCAPES = {
    "forks": """
import os
def escape():
    if os.fork() == 0: os._exit(0)
    return True
""",
    "forks without libc's help": """
import ctypes, platform
def escape():
    number = {{'x86_64': 57, 'aarch64': 220}}[platform.machine()]
    found = ctypes.CDLL(None).syscall(number, 17, 0, 0, 0, 0)
    return found >= 0
""",
    "is a fork bomb": """
import os
def escape():
    for _ in range(1000): os.fork()
    return True
""",
    "runs a command": "import os\ndef escape():\n    return os.system('true') == 0",
    "starts a subprocess": """
import subprocess
def escape(): return subprocess.run(['/bin/true']).returncode == 0
""",
    "leaves a daemon behind": """
import os, time
def escape():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(600)
        os._exit(0)
    return True
""",
    "uses multiprocessing": """
import multiprocessing
def escape():
    with multiprocessing.get_context('fork').Pool(1) as pool: return pool.map(abs, [-1]) == [1]
""",
    "becomes another program": "import os\ndef escape():\n    os.execv('/bin/true', ['true'])",
    "kills the one who watches": "import os\ndef escape():\n    os.kill({pid}, 0)\n    return True",
    "kills everyone": "import os\ndef escape():\n    os.kill(-1, 0)\n    return True",
    "signals a process group": """
import os
def escape():
    os.killpg(os.getpgid({pid}), 0)
    return True
""",
    "traces the one who watches": """
import ctypes
def escape(): return ctypes.CDLL(None).ptrace(16, {pid}, 0, 0) == 0
""",
    "reads another's memory": """
def escape():
    with open('/proc/{pid}/mem', 'rb') as memory: return memory is not None
""",
    "reads another's command line": """
def escape(): return bool(open('/proc/{pid}/cmdline').read())
""",
    "lists all processes": "import os\ndef escape():\n    return bool(os.listdir('/proc'))",
    "reads the environment": """
import os
def escape(): return any('secret' in text for text in os.environ.values())
""",
    "reads a file of the user": "def escape():\n    return bool(open('{secret}').read())",
    "reads the accounts": "def escape():\n    return bool(open('/etc/passwd').read())",
    "lists a folder of the user": "import os\ndef escape():\n    return bool(os.listdir('{home}'))",
    "writes beside the user's files": """
def escape():
    with open('{home}/new', 'w') as file: return file.write('x') == 1
""",
    "overwrites a file of the user": """
def escape():
    with open('{secret}', 'w') as file: return file.write('x') == 1
""",
    "empties a file of the user": """
import os
def escape():
    os.truncate('{secret}', 0)
    return True
""",
    "deletes a file of the user": """
import os
def escape():
    os.remove('{secret}')
    return True
""",
    "moves a file of the user": """
import os
def escape():
    os.rename('{secret}', '{secret}.moved')
    return True
""",
    "changes the mode of a file": """
import os
def escape():
    os.chmod('{secret}', 0)
    return True
""",
    "links to a file of the user": """
import os
def escape():
    os.symlink('{secret}', 'link')
    return bool(open('link').read())
""",
    "writes to shared memory": """
def escape():
    with open('/dev/shm/score-escape', 'w') as file: return file.write('x') == 1
""",
    "writes to the temporary folder": """
def escape():
    with open('/tmp/score-escape', 'w') as file: return file.write('x') == 1
""",
    "fills the disk": """
def escape():
    for number in range(100):
        with open(f'big{{number}}', 'wb') as file: file.write(bytes(10**7))
    return True
""",
    "connects to this machine": """
import socket
def escape():
    socket.create_connection(('127.0.0.1', {port}), 1).close()
    return True
""",
    "opens a socket": "import socket\ndef escape():\n    socket.socket()\n    return True",
    "opens a Unix socket": """
import socket
def escape():
    socket.socket(socket.AF_UNIX).bind(chr(0) + 'score-escape')
    return True
""",
    "enters new namespaces": """
import ctypes
def escape(): return ctypes.CDLL(None).unshare(0x10000000) == 0
""",
    "mounts a file system": """
import ctypes
def escape(): return ctypes.CDLL(None).mount(b'proc', b'.', b'proc', 0, None) == 0
""",
    "unmounts its scratch": """
import ctypes
def escape(): return ctypes.CDLL(None).umount2(b'.', 2) == 0
""",
    "changes its root": "import os\ndef escape():\n    os.chroot('.')\n    return True",
    "raises its limits": """
import resource
def escape():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return True
""",
    "limits the one who watches": """
import resource
def escape():
    resource.prlimit({pid}, resource.RLIMIT_NOFILE)
    return True
""",
    "becomes another user": "import os\ndef escape():\n    os.setuid(os.getuid())\n    return True",
    "shares memory that outlives it": """
import ctypes
def escape(): return ctypes.CDLL(None).shmget(7, 4096, 0o1600) >= 0
""",
    "uses an io_uring": """
import ctypes
def escape(): return ctypes.CDLL(None).syscall(425, 1, bytes(120)) >= 0
""",
    "makes a file in memory": "import os\ndef escape():\n    return os.memfd_create('x') >= 0",
}
