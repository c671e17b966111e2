"""A real Slurm on this machine alone: Debian's daemons on loopback, pretended nodes and GPUs.

    python tests/cluster/local_slurm.py up | down

Two nodes, n1 and n2, with two GPUs each, which are device files that lead nowhere: Slurm hands them
out, CUDA finds none. Needs root, and touches /etc/slurm and /etc/hosts only where no cluster is.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("/tmp/score-local-slurm")
ETC = Path("/etc/slurm")
NODES = ("n1", "n2")
GPUS, CPUS, MEMORY = 2, max(4, os.cpu_count()), 2000 * max(4, os.cpu_count())
_MARK = "# local-slurm"
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch")


def missing() -> str | None:
    """Why no Slurm can be started here, or None."""
    if os.geteuid() != 0:
        return "starting Slurm's daemons needs root"
    lacking = [name for name in PROGRAMS if _program(name) is None]
    if lacking:
        return f"{', '.join(lacking)} not found: apt-get install slurm-wlm munge"
    if (ETC / "slurm.conf").exists() and not (ETC / "slurm.conf").is_symlink():
        return f"{ETC}/slurm.conf is there already, perhaps of a real cluster"
    return None


def can_account() -> bool:
    """Whether a Slurm with accounting can be started here."""
    return None not in map(_program, ("slurmdbd", "mariadbd", "mariadb-install-db"))


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def up(accounting: bool = False) -> None:
    """Start all daemons and wait until both nodes are idle; RuntimeError after 30 s.

    accounting: with a database of jobs (slurmdbd), which needs slurmdbd and mariadb-server.
    """
    down()
    shutil.rmtree(HOME, ignore_errors=True)
    for name in ("run", "log", "state", "dev", *(f"spool/{node}" for node in NODES)):
        (HOME / name).mkdir(parents=True)
    for gpu in range(GPUS):
        os.mknod(HOME / f"dev/gpu{gpu}", 0o020666, os.makedev(1, 3))
    key = HOME / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    hosts = [f"127.0.0.1 {' '.join(NODES)} {_MARK}\n"]
    if socket.gethostname().split(".")[0] not in Path("/etc/hosts").read_text().split():
        hosts.append(f"127.0.0.1 {socket.gethostname().split('.')[0]} {_MARK}\n")
    with open("/etc/hosts", "a") as file:
        file.writelines(hosts)
    ETC.mkdir(exist_ok=True)
    written = {"slurm.conf": _slurm_conf(accounting), "gres.conf": _gres_conf()}
    written |= {"slurmdbd.conf": _slurmdbd_conf()} if accounting else {}
    for name, text in written.items():
        (HOME / name).write_text(text)
        (HOME / name).chmod(0o600)  # as slurmdbd wants its own
        (ETC / name).symlink_to(HOME / name)
    _start(
        "munged",
        f"--key-file={key}",
        f"--socket={HOME}/run/munge.sock",
        f"--pid-file={HOME}/run/munged.pid",
        f"--log-file={HOME}/log/munged.log",
        f"--seed-file={HOME}/run/munge.seed",
    )
    if accounting:
        _start_database()
    start_controller()
    for node in NODES:
        start_node(node)
    wait_for(lambda: _idle() == set(NODES), 30, "both nodes to be idle")


def down() -> None:
    """Stop what `up` started and take its traces out of /etc; safe to call twice."""
    for path in sorted((HOME / "run").glob("*.pid")):
        _stop(path, signal.SIGTERM)
    for name in ("slurm.conf", "gres.conf", "slurmdbd.conf"):
        if (ETC / name).is_symlink() and str(HOME) in os.readlink(ETC / name):
            (ETC / name).unlink()
    lines = Path("/etc/hosts").read_text().splitlines(keepends=True)
    if any(_MARK in line for line in lines):  # written in place: it may be mounted by a container
        Path("/etc/hosts").write_text("".join(line for line in lines if _MARK not in line))


def start_controller() -> None:
    _start("slurmctld")


def stop_controller() -> None:
    _stop(HOME / "run/slurmctld.pid", signal.SIGTERM)


def start_node(node: str) -> None:
    _start("slurmd", "-N", node)


def fail_node(node: str) -> None:
    """The node is gone at once: its daemon, and the steps with all that they run."""
    _stop(HOME / f"run/slurmd.{node}.pid", signal.SIGKILL)
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout
    keepers = [int(line.split()[0]) for line in listed.splitlines() if "slurmstepd: [" in line]
    for keeper in keepers:
        kill_tree(keeper)


def kill_tree(pid: int) -> None:
    """SIGKILL to a process and all below it."""
    import psutil

    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def jobs() -> dict[str, str]:
    """State of every job that Slurm remembers, by id."""
    command = ["squeue", "--states=all", "--noheader", "--format=%i %T"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split() for line in told.splitlines())


def restarts(partition: str) -> int:
    """How often jobs of a partition were put back into the queue, all together."""
    told = subprocess.run(
        ["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True
    ).stdout
    rows = [row for row in told.splitlines() if f"Partition={partition} " in row]
    return sum(int(row.partition("Restarts=")[2].split()[0]) for row in rows)


def wait_for(condition, seconds: float, what: str) -> None:
    """Return when `condition()` holds; RuntimeError naming `what` after `seconds`."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise RuntimeError(f"waited {seconds} s for {what}")
        time.sleep(0.2)


def _idle() -> set[str]:
    command = ["sinfo", "--noheader", "-N", "--partition=gpu", "--states=idle", "--format=%N"]
    return set(subprocess.run(command, capture_output=True, text=True).stdout.split())


def _start(name: str, *flags: str) -> None:
    subprocess.run([_program(name), *flags], check=True, timeout=30)


def _stop(pid_file: Path, number: int) -> None:
    try:
        pid = int(pid_file.read_text())
        if not Path(f"/proc/{pid}/comm").read_text().startswith(("slurm", "munge", "mariadb")):
            return
        os.kill(pid, number)
        wait_for(lambda: _gone(pid), 15, f"{pid_file.stem} to end")
    except (OSError, ValueError):
        return


def _gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def _start_database() -> None:
    """MariaDB on loopback, for slurmdbd, which takes jobs from the controller."""
    data = HOME / "database"
    tables = ["mariadb-install-db", "--user=root", f"--datadir={data}", "--skip-test-db"]
    tables += ["--auth-root-authentication-method=normal"]
    subprocess.run(tables, check=True, capture_output=True, timeout=60)
    server = [_program("mariadbd"), "--no-defaults", "--user=root", f"--datadir={data}"]
    server += ["--bind-address=127.0.0.1", "--port=13306", f"--socket={HOME}/run/database.sock"]
    server += [f"--pid-file={HOME}/run/mariadbd.pid", f"--log-error={HOME}/log/database.log"]
    subprocess.Popen(server, start_new_session=True)
    wait_for((HOME / "run/database.sock").exists, 30, "the database")
    _start("slurmdbd")
    wait_for(lambda: _listens(16819), 30, "slurmdbd")


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _slurm_conf(accounting: bool) -> str:
    host = socket.gethostname().split(".")[0]
    common = f"Nodes={','.join(NODES)} MaxTime=60 DefMemPerCPU=500 State=UP"
    kind = "slurmdbd" if accounting else "none"
    return f"""ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={HOME}/run/munge.sock,cred_expire=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=16817
SlurmctldPidFile={HOME}/run/slurmctld.pid
SlurmdPidFile={HOME}/run/slurmd.%n.pid
SlurmdSpoolDir={HOME}/spool/%n
StateSaveLocation={HOME}/state
SlurmctldLogFile={HOME}/log/slurmctld.log
SlurmdLogFile={HOME}/log/slurmd.%n.log
SlurmdTimeout=10
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=5,bf_interval=5,batch_sched_delay=0,sched_min_interval=0
EnforcePartLimits=ALL
GresTypes=gpu
AccountingStorageType=accounting_storage/{kind}
AccountingStorageHost=localhost
AccountingStoragePort=16819
AccountingStoragePass={HOME}/run/munge.sock
JobAcctGatherType=jobacct_gather/none
MinJobAge=300
KillWait=20
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={",".join(NODES)} NodeHostname={host} NodeAddr=127.0.0.1 Port=17001-17002 CPUs={CPUS} \
Boards=1 SocketsPerBoard=1 CoresPerSocket={CPUS} ThreadsPerCore=1 RealMemory={MEMORY} \
Gres=gpu:pretended:{GPUS} State=UNKNOWN
PartitionName=gpu {common} Default=YES PriorityTier=10
PartitionName=requeued {common} PriorityTier=1 PreemptMode=REQUEUE
PartitionName=cancelled {common} PriorityTier=1 PreemptMode=CANCEL
"""


def _slurmdbd_conf() -> str:
    return f"""AuthType=auth/munge
AuthInfo=socket={HOME}/run/munge.sock
DbdHost=localhost
DbdPort=16819
SlurmUser=root
PidFile={HOME}/run/slurmdbd.pid
LogFile={HOME}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=root
StorageLoc=jobs
"""


def _gres_conf() -> str:
    devices = f"{HOME}/dev/gpu[0-{GPUS - 1}]"
    return f"AutoDetect=off\nNodeName={','.join(NODES)} Name=gpu Type=pretended File={devices}\n"


if __name__ == "__main__":
    problem = missing()
    if problem:
        sys.exit(problem)
    {"up": up, "down": down}[sys.argv[1]]()
