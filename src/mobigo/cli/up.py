"""``mobigo up``: database, something to plan on, API and worker, in one command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import click

from mobigo.cli.instance import Instance, find_instance, find_network_version, only_instance, write_instance
from mobigo.kit.errors import InvalidInput, Refused, Unavailable
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.settings import Settings

FIRST_PORT = 8000
LAST_PORT = 8999

LOOK = 0.5
"""Seconds between two looks at what runs."""

START_PATIENCE = 60.0
"""Seconds the API gets until it answers."""

STOP_PATIENCE = 12.0
"""Seconds a child gets to stop."""

RESTARTS = 5
"""How often in a row a child may die within `YOUNG` seconds before we give up."""
YOUNG = 10.0


@click.command()
@click.option("--detach", is_flag=True, help="Go on in the background; `mobigo down` stops it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port; else the first free one from 8000.")
@click.option("--sandbox", is_flag=True, help="Allow this home's clock to be moved (MOBIGO_CLOCK, `mobigo clock`).")
@click.option("--region", metavar="NAME", help="Download and load a real region, as bourgogne-franche-comte.")
@click.option(
    "--sources",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="With --region: take the addresses from this file, written like gtfs/sources.toml.",
)
@click.option("--yes", is_flag=True, help="Install missing system packages without asking.")
@click.option("--detached", is_flag=True, hidden=True, help="This is what --detach started.")
def up(
    *,
    detach: bool,
    host: str,
    port: int | None,
    sandbox: bool,
    region: str | None,
    sources: str | None,
    yes: bool,
    detached: bool,
) -> None:
    """Start everything: database, demonstration region, API, worker. Ctrl-C stops it."""
    from mobigo.cli.packages import ensure_postgis

    if sources and not region:
        raise InvalidInput("--sources says where a region's data are; name the region with --region")
    settings = read_settings()
    running = find_instance(settings.home)
    if running is not None:
        print(f"mobigo runs already, at {running.url or 'an address it will print when it has loaded'}")
        return
    if settings.clock and not sandbox:
        raise Refused(
            f"MOBIGO_CLOCK={settings.clock} moves the clock of a sandbox only; unset it, or start with --sandbox"
        )
    if settings.database_url is None:
        ensure_postgis(yes=yes)
    if detach:
        options = ["--host", host, *(["--port", str(port)] if port else []), *(["--sandbox"] if sandbox else [])]
        _detach(settings, [*options, *_named(region, sources)])
        return
    _set_clock(settings, sandbox=sandbox)
    with only_instance(settings.home), _interruptible(), suppress(KeyboardInterrupt):
        Supervisor(settings, host, port, _named(region, sources), "`./mobigo down`" if detached else "Ctrl-C").run()


def _named(region: str | None, sources: str | None) -> list[str]:
    return [*(["--region", region] if region else []), *(["--sources", sources] if sources else [])]


def _set_clock(settings: Settings, *, sandbox: bool) -> None:
    from mobigo.kit.clock import parse_clock

    settings.home.mkdir(parents=True, exist_ok=True)
    marker, file = settings.home / "sandbox", settings.home / "clock.json"
    if not sandbox:
        marker.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        return
    moved = parse_clock(settings.clock) if settings.clock else None
    marker.touch()
    if moved:
        settings.open_clock().move(*moved)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a polite end (SIGTERM, a closed terminal) arrive as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    yield


@dataclass
class Child:
    """A process of ours."""

    name: str
    arguments: list[str]
    log: Path
    socket: socket.socket | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C is ours alone; its leash ends when we do."""
        if self.process is None:
            _turn(self.log)
        descriptors = [self.socket.fileno()] if self.socket else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  ourselves
                [sys.executable, "-m", "mobigo", *self.arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process is not None
        return self.process.pid

    @property
    def died(self) -> bool:
        """Whether it has ended."""
        return self.process is not None and self.process.poll() is not None


@dataclass
class Supervisor:
    """Starts what an instance needs, watches over it, stops it again."""

    settings: Settings
    host: str
    port: int | None
    region: list[str]
    """Options that say what to load."""
    ending: str
    """What a person does to stop it."""
    stack: ExitStack = field(default_factory=ExitStack)
    instance: Instance = field(default_factory=Instance)

    def run(self) -> None:
        """Prepare, serve, and clean up whatever happened."""
        self.instance.pids["up"] = os.getpid()
        write_instance(self.settings.home, self.instance)
        try:
            self._start_database()
            self._serve()
        finally:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            self.stack.close()

    def _start_database(self) -> None:
        from mobigo.db import cluster

        if self.settings.database_url is None and cluster.start(self.settings.home):
            self.stack.callback(cluster.stop, self.settings.home)

    def _serve(self) -> None:
        """Start API and worker once there is something to plan on, then watch over them."""
        home = self.settings.home
        logs = home / "log"
        logs.mkdir(exist_ok=True)
        # loading and building have a process of their own, whose memory goes with it; kernels are compiled meanwhile
        preparing = self._run(sys.executable, "-m", "mobigo", "prepare", *self.region)
        served_before = find_network_version(home) is not None
        if not served_before:
            halves = ["search"], ["days", "streets"]  # each takes one core about as long
            warming = [self._run(sys.executable, "-m", "mobigo.cli.warm", *parts) for parts in halves]
            _wait_for(preparing)
            for part in warming:
                part.wait()
        listener = self.stack.enter_context(_listen(self.host, self.port))
        api = Child("api", ["serve", "--leash", "--fd", str(listener.fileno())], logs / "api.log", listener)
        worker = Child("worker", ["worker", "--leash"], logs / "worker.log")
        self.stack.callback(lambda: _stop([child.process for child in (api, worker) if child.process]))
        self._start(api)
        if served_before:
            _wait_for(preparing)
        url = f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{listener.getsockname()[1]}"  # noqa: S104
        _wait_until_it_answers(url, api)
        self._start(worker)
        self.instance.url = url
        write_instance(home, self.instance)
        print(f"mobigo answers at {url}/  (logs in {logs}; {self.ending} stops it)", flush=True)
        rest = (
            [] if served_before else ["insertion", "matching", "wishes", "reach", "bounds", "school"]
        )  # all lie compiled on disk, unless the program is a new one
        self._run("nice", sys.executable, "-m", "mobigo.cli.warm", *rest)
        for turn in count():
            time.sleep(LOOK)
            for child in (api, worker):
                if child.died:
                    self._restart(child)
            if turn % 4 == 0:
                self._watch_database()

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  ourselves
        self.stack.callback(_stop, [process])
        return process

    def _start(self, child: Child) -> None:
        child.start()
        self.instance.pids[child.name] = child.pid
        write_instance(self.settings.home, self.instance)

    def _restart(self, child: Child) -> None:
        from mobigo.db.cluster import tail

        assert child.process is not None
        child.deaths = child.deaths + 1 if time.monotonic() - child.started < YOUNG else 1
        if child.deaths > RESTARTS:
            raise Unavailable(f"the {child.name} ends again and again; {child.log} ends with\n{tail(child.log)}")
        print(f"mobigo: the {child.name} ended ({child.process.returncode}); starting it again", file=sys.stderr)
        time.sleep(LOOK)
        self._start(child)

    def _watch_database(self) -> None:
        from mobigo.db import cluster

        if self.settings.database_url is None and cluster.locate(self.settings.home).server_pid() is None:
            print("mobigo: the database ended; starting it again", file=sys.stderr)
            cluster.start(self.settings.home)


def _listen(host: str, port: int | None) -> socket.socket:
    """Open the socket ourselves, so that it stays when the API is restarted and nobody else takes the port."""
    for candidate in [port] if port else range(FIRST_PORT, LAST_PORT + 1):
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            if port:
                raise Refused(f"port {port} of {host} cannot be had: {error.strerror}; choose another") from None
            continue
        return listener
    raise Unavailable(f"no port from {FIRST_PORT} to {LAST_PORT} is free; choose one with --port")


def _wait_for(preparing: subprocess.Popen[bytes]) -> None:
    if preparing.wait():
        sys.exit(preparing.returncode)  # it has said why


def _wait_until_it_answers(url: str, api: Child) -> None:
    import http.client

    from mobigo.db.cluster import tail

    end = time.monotonic() + START_PATIENCE
    address = url.removeprefix("http://")
    while True:
        connection = http.client.HTTPConnection(address, timeout=START_PATIENCE)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/v1/health")
            connection.getresponse()
            return
        if api.died or time.monotonic() > end:
            raise Unavailable(f"the API does not start; {api.log} ends with\n{tail(api.log, 15)}")
        time.sleep(LOOK / 5)


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    end = time.monotonic() + STOP_PATIENCE
    for process in processes:
        try:
            process.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _turn(log: Path) -> None:
    """Keep the log of the last run beside the new one."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def _detach(settings: Settings, options: list[str]) -> None:
    """Start `up` again in a session of its own, and relay what it says until it answers."""
    logs = settings.home / "log"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / "up.log"
    _turn(log)
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-m", "mobigo", "up", "--detached", *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    with log.open() as said:
        while True:
            code = process.poll()
            running = find_instance(settings.home)
            sys.stdout.write(said.read())
            sys.stdout.flush()
            if code is not None:
                sys.exit(code)
            if running is not None and running.url and running.pids.get("up") == process.pid:
                sys.stdout.write(said.read())
                return
            time.sleep(LOOK / 5)
