"""The private PostgreSQL + PostGIS cluster of a home, run from the system's packages.

It listens on a Unix socket only. The socket's folder is 0700 and is the one lock: whoever may enter it is trusted. As
root the server runs as the system's user ``postgres``, since PostgreSQL refuses to be root.

::

    <folder>/data    the cluster (``initdb``)        <folder>/log    what the server says
    <folder>/lock    held while it is started or stopped

The folder is ``$MOBIGO_HOME/pg``; for root, where ``postgres`` cannot enter that home (say it is under ``/root``), it
is ``/var/lib/mobigo/<hash of the home>``.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mobigo.kit.errors import MissingPackage, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BINARIES = Path("/usr/lib/postgresql")
EXTENSIONS = Path("/usr/share/postgresql")
"""Where Debian and Ubuntu put the servers and their extensions, one folder per major version."""

SHARED = Path("/var/lib/mobigo")
"""Home of the clusters whose own home the database's user cannot enter."""

PACKAGE = "postgresql-postgis"
INSTALL_LINE = f"sudo apt-get install -y --no-install-recommends {PACKAGE}"

DATABASE = "mobigo"
PORT = "5432"
"""Only a part of the socket's name; nothing listens on the network."""

SOCKET_NAME = f".s.PGSQL.{PORT}"
MAX_SOCKET_PATH = 107
"""Bytes; the kernel's limit for the path of a socket."""

PATIENCE = 30.0
"""Seconds to wait for the processes of a killed server to go away."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "''",
    "wal_level": "minimal",  # no replicas: bulk loads into new tables write no log
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",  # our queries are short; compiling them costs more than it gives
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is small in containers and emptied at logout
    "timezone": "UTC",
}
"""What differs from PostgreSQL's own defaults. Durability stays on."""


@dataclass(frozen=True)
class Cluster:
    """One cluster: its folder, and who runs it."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "log"

    @property
    def exists(self) -> bool:
        """Whether there is data."""
        return (self.data / "PG_VERSION").exists()

    @cached_property
    def binaries(self) -> Path:
        """Folder of the server's programs: of the version that wrote the data, else the newest that has PostGIS."""
        if self.exists:
            version = (self.data / "PG_VERSION").read_text().strip()
            binaries = BINARIES / version / "bin"
            if not (binaries / "postgres").exists():
                raise MissingPackage(
                    f"the data in {self.data} is of PostgreSQL {version}, which is not installed; type\n"
                    f"  sudo apt-get install -y --no-install-recommends postgresql-{version}-postgis-3\n"
                    f"or forget the data with\n  ./mobigo reset"
                )
            return binaries
        newest = newest_version()
        if newest is None:
            raise MissingPackage(f"PostgreSQL with PostGIS is missing; type\n  {INSTALL_LINE}")
        return BINARIES / newest / "bin"

    def find_running(self) -> Path | None:
        """Return the socket folder of the server that answers for this cluster, or None."""
        lines = _read_pid_file(self.data)
        if len(lines) < 5 or not lines[4] or not (self.binaries / "pg_isready").exists():  # noqa: PLR2004
            return None
        answer = _run([str(self.binaries / "pg_isready"), "-q", "-h", lines[4], "-p", lines[3]], check=False)
        return Path(lines[4]) if answer.returncode == 0 else None

    def server_pid(self) -> int | None:
        """Return the process that serves this cluster, or None."""
        lines = _read_pid_file(self.data)
        running = bool(lines) and int(lines[0]) in _processes_in(self.data)
        return int(lines[0]) if running else None


def newest_version() -> str | None:
    """Return the newest installed PostgreSQL that has PostGIS, as "15", or None."""
    versions = [
        control.parts[-3]
        for control in EXTENSIONS.glob("*/extension/postgis.control")
        if (BINARIES / control.parts[-3] / "bin/postgres").exists()
    ]
    return max(versions, key=int, default=None)


def locate(home: Path) -> Cluster:
    """Find where the cluster of a home is, or would be made."""
    inside = Cluster(home / "pg")
    if os.geteuid() != 0:
        return inside
    outside = Cluster(SHARED / sha256(str(home).encode()).hexdigest()[:16])
    if outside.exists:
        return outside
    if inside.exists or newest_version() is None:
        return inside
    reached = next(folder for folder in (home, *home.parents) if folder.exists())
    entered = _run(["/usr/bin/test", "-x", str(reached)], check=False)
    return inside if entered.returncode == 0 else outside


def ensure(home: Path, url: str | None) -> str:
    """Return the address of the database: the given one, or that of the home's cluster, started if need be."""
    if url is not None:
        return url
    start(home)
    running = find_url(home)
    assert running is not None
    return running


def find_url(home: Path) -> str | None:
    """Return the address of the home's database if its server runs now."""
    sockets = locate(home).find_running()
    return f"postgresql://mobigo@/{DATABASE}?host={sockets}&port={PORT}" if sockets else None


def start(home: Path, settings: Mapping[str, str] | None = None) -> bool:
    """Start the home's cluster, making it first if there is none; tell whether it had to be started.

    Parameters
    ----------
    settings : mapping, optional
        Server settings for this start, over `SETTINGS`.

    Raises
    ------
    MissingPackage
        When PostgreSQL or PostGIS is not installed.
    Unavailable
        When the server does not start; the message ends with the last lines of its log.
    """
    home.mkdir(parents=True, exist_ok=True)  # first, since its mode may depend on the one who makes it
    cluster = locate(home)
    if cluster.find_running():
        return False
    _ = cluster.binaries
    if cluster.folder.parent == SHARED:
        SHARED.mkdir(parents=True, exist_ok=True)
        SHARED.chmod(0o755)
    _make_private(cluster.folder)
    with _locked(cluster):
        if cluster.find_running():
            return False
        if not cluster.exists:
            _initialise(cluster)
        _start_server(cluster, settings or {})
        _create_database(cluster)
    return True


def stop(home: Path) -> bool:
    """Stop the home's cluster; tell whether it ran."""
    cluster = locate(home)
    if not cluster.exists or cluster.server_pid() is None:
        return False
    with _locked(cluster):
        pg_ctl = [str(cluster.binaries / "pg_ctl"), "-D", str(cluster.data), "-m", "fast", "-w", "-t", "60"]
        _run([*pg_ctl, "stop"], check=False)
    return True


def drop(home: Path) -> None:
    """Stop the home's cluster and remove its data."""
    cluster = locate(home)
    sockets = _socket_folder(cluster.data)
    if cluster.exists:
        stop(home)
        if cluster.server_pid() is not None:
            raise Unavailable(f"the database in {cluster.data} does not stop; end its connections and try again")
    for folder in (cluster.folder, sockets):
        if folder.exists():
            shutil.rmtree(folder)


def tail(log: Path, lines: int = 5) -> str:
    """Return the last lines of a log, or nothing."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _initialise(cluster: Cluster) -> None:
    # made beside and renamed: an interrupted initdb leaves no half cluster behind
    new = cluster.folder / "data.new"
    if new.exists():
        shutil.rmtree(new)
    options = ["-U", "mobigo", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
    made = _run([str(cluster.binaries / "initdb"), "-D", str(new), *options], check=False)
    if made.returncode:
        raise Unavailable(f"initdb could not make {new}: {made.stderr.strip()}")
    (new / "pg_hba.conf").write_text("local all all trust\n")
    with (new / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
    new.rename(cluster.data)


def _start_server(cluster: Cluster, settings: Mapping[str, str]) -> None:
    sockets = _socket_folder(cluster.data)
    _make_private(sockets)
    if cluster.server_pid() is not None and not (sockets / SOCKET_NAME).exists():
        # its socket folder was swept away under it (a logout): nobody can reach it any more
        _run([str(cluster.binaries / "pg_ctl"), "-D", str(cluster.data), "-m", "fast", "-w", "stop"], check=False)
    options = {"unix_socket_directories": str(sockets), "port": PORT, **settings}
    flags = " ".join(f"-c {name}={value}" for name, value in options.items())
    command = [str(cluster.binaries / "pg_ctl"), "-D", str(cluster.data), "-l", str(cluster.log), "-w", "-t", "60"]
    end = time.monotonic() + PATIENCE
    while True:
        _forget_dead_server(cluster, sockets)
        started = _run([*command, "-o", flags, "start"], check=False)
        if cluster.find_running():
            return
        if time.monotonic() > end:
            raise Unavailable(
                f"PostgreSQL does not start: {started.stderr.strip()}\nIts log, {cluster.log}, ends with\n"
                f"{tail(cluster.log)}"
            )
        time.sleep(0.3)


def _forget_dead_server(cluster: Cluster, sockets: Path) -> None:
    """Remove the pid file of a server that was killed, once the last of its processes is gone.

    PostgreSQL itself gives up when the number now belongs to another process, or to a dead one nobody has reaped.
    """
    if _read_pid_file(cluster.data) and not _processes_in(cluster.data):
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


def _create_database(cluster: Cluster) -> None:
    import psycopg  # noqa: PLC0415  the start of a running cluster needs no driver

    sockets = cluster.find_running()
    with psycopg.connect(f"host={sockets} port={PORT} user=mobigo dbname=postgres", autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _socket_folder(data: Path) -> Path:
    """Return the socket's folder: short, one per data directory, never below it.

    That of a running server is where its pid file says; the environment may have changed since.
    """
    lines = _read_pid_file(data)
    if len(lines) > 4 and lines[4]:  # noqa: PLR2004
        return Path(lines[4])
    key = sha256(str(data).encode()).hexdigest()[:8]
    if os.geteuid() == 0:
        return Path(f"/run/mobigo-{key}")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        folder = Path(runtime, f"mobigo-{key}")
        if len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH:
            return folder
    return Path(f"/tmp/mobigo-{os.geteuid()}-{key}")  # noqa: S108  made 0700 and checked before use


def _make_private(folder: Path) -> None:
    """Make a folder of the database's user that nobody else enters, or refuse."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = _server_user()
    if os.geteuid() == 0 and folder.stat().st_uid == 0:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    seen = folder.lstat()
    if seen.st_uid != owner.pw_uid or seen.st_mode & 0o077:
        raise Refused(f"{folder} must belong to {owner.pw_name} alone (mode 0700); remove it or choose another home")


@contextmanager
def _locked(cluster: Cluster) -> Iterator[None]:
    with (cluster.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read_pid_file(data: Path) -> list[str]:
    """Lines of ``postmaster.pid``: pid, data, start, port, socket folder, address, shared memory, state."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _processes_in(folder: Path) -> set[int]:
    """Return the living processes that work in a folder; a server and its children work in their data directory."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.add(int(process.name))
        except OSError:  # gone meanwhile, dead but not reaped, or not ours
            continue
    return found


def _server_user() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise MissingPackage(f"the user postgres is missing; type\n  {INSTALL_LINE}") from None


def _run(command: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL as its user."""
    user = _server_user()
    root = os.geteuid() == 0
    return subprocess.run(  # noqa: S603  programs of the distribution, our own paths
        command,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=check,
        user=user.pw_uid if root else None,
        group=user.pw_gid if root else None,
        extra_groups=[] if root else None,
    )
