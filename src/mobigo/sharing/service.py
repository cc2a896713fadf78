"""Poll the systems, and put what all of them hold side by side for whoever plans.

What a system said last lies in ``<home>/sharing/<name>``; what all of them hold is written to ``<home>/sharing/at/<n>``
and switched in whole: the file ``<home>/sharing/current`` names the one that counts.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.downloads import Patience, check_url, fetch_newer
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound, Refused
from mobigo.kit.packed import map_packed, write_packed
from mobigo.sharing import store
from mobigo.sharing.gbfs import FEEDS, Contents, list_feeds, pack_systems, read_system
from mobigo.sharing.model import Polled, SharedFleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mobigo.sharing.model import System

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
RESERVED = {"at", "current", "lock"}
SHORTEST, LONGEST = 10, 86_400
"""Seconds between two polls."""

MAX_BYTES = 64 << 20
"""The largest document of a system."""

PATIENCE = Patience(connect=5, read=15, total=60, attempts=2)

KEPT = 3
"""How many states stay on disk."""

SAID = "said.json"
"""What a system said when it was understood last."""

LASTING = {
    "system_information", "vehicle_types", "station_information", "geofencing_zones", "system_hours",
    "system_calendar", "system_pricing_plans",
}  # fmt: skip
"""Documents without which a system still says what it holds; the last that could be had is taken."""


@dataclass(frozen=True)
class Reach:
    """How far polling may go."""

    home: Path
    allow_hosts: Sequence[str] = ()
    """``ADDRESS:PORT`` pairs that may be reached though they are not public."""

    @property
    def folder(self) -> Path:
        """Where what systems say lies."""
        return self.home / "sharing"


def add_system(name: str, address: str, url: str, *, every: int, now: datetime) -> None:
    """Add a system to be polled.

    Raises
    ------
    InvalidInput
        When name, address or interval are not what they should be.
    Conflict
        When the name is taken.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise InvalidInput(f"{name!r} cannot name a system; use small letters, digits, - and _, as in velodi")
    if not SHORTEST <= every <= LONGEST:
        raise InvalidInput(f"{every} seconds between polls is not within {SHORTEST} and {LONGEST:,}")
    if is_url(address):
        check_url(address)
    elif not Path(address).exists():
        raise InvalidInput(f"{address} is neither an address nor a folder; give that of gbfs.json, or of its files")
    else:
        address = str(Path(address).resolve())
    with psycopg.connect(libpq_conninfo(url)) as connection:
        if not store.add_system(connection, name, address, every, now):
            raise Conflict(f"a system {name!r} is polled already; remove it first or choose another name")


def remove_system(name: str, url: str, reach: Reach) -> None:
    """Forget a system and what it said.

    Raises
    ------
    NotFound
        When there is none of that name.
    """
    with psycopg.connect(libpq_conninfo(url)) as connection:
        if not store.remove_system(connection, name):
            raise NotFound(f"no system {name!r} is polled; `mobigo sharing list` names them")
        shutil.rmtree(reach.folder / name, ignore_errors=True)
        with _polling(reach):
            _switch(reach, store.list_systems(connection))


def poll(url: str, reach: Reach, now: datetime, *, everything: bool = False) -> list[Polled]:
    """Ask the systems whose time has come (or all), and switch in what they say.

    A system that fails keeps what it said last, which grows old; the others are not held up.
    """
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection, _polling(reach):
        systems = store.list_systems(connection)
        due = [one for one in systems if everything or _is_due(one, now)]
        polled = [_poll_one(connection, reach, one, now) for one in due]
        if due:
            _switch(reach, store.list_systems(connection))
    return polled


def _is_due(system: System, now: datetime) -> bool:
    """Tell whether a system is to be asked; also when the clock was put back since."""
    return system.next_at is None or not now < system.next_at <= now + timedelta(seconds=LONGEST)


def _poll_one(connection: psycopg.Connection, reach: Reach, system: System, now: datetime) -> Polled:
    folder = reach.folder / system.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        documents = _fetch(system, folder, reach) if is_url(system.address) else read_folder(Path(system.address))
        contents = read_system(documents)
        _keep(folder, documents)
    except (MobigoError, OSError) as error:
        store.note_failure(connection, system, now, str(error))
        return Polled(system.name, 0, 0, 0, None, str(error))
    store.note_success(connection, system, now, min(contents.ttl, LONGEST))
    made_at = datetime.fromtimestamp(contents.made_at, UTC) if contents.made_at else None
    bikes = sum(max(one.bikes, 0) for one in contents.stations)
    return Polled(system.name, len(contents.stations), bikes, len(contents.vehicles), made_at)


def _fetch(system: System, folder: Path, reach: Reach) -> dict[str, bytes]:
    """Download what changed; return what the system says now."""
    index = folder / "gbfs.json"
    _download(system.address, index, reach)
    listed = list_feeds(index.read_bytes())
    documents = {}
    for name, address in listed.items():
        file = folder / f"{name}.json"
        try:
            _download(urljoin(system.address, address), file, reach)
        except MobigoError:
            if name not in LASTING or not file.exists():
                raise
        documents[name] = file.read_bytes()
    return documents


def _download(address: str, file: Path, reach: Reach) -> None:
    fetch_newer(address, file, max_bytes=MAX_BYTES, allow_hosts=reach.allow_hosts, patience=PATIENCE)


def _keep(folder: Path, documents: Mapping[str, bytes]) -> None:
    """Keep what was understood, whatever the next answer is."""
    new = folder / f"{SAID}.new"
    new.write_text(json.dumps({name: content.decode(errors="replace") for name, content in documents.items()}))
    new.replace(folder / SAID)


def read_folder(path: Path) -> dict[str, bytes]:
    """Read the documents of a system from a folder: ``station_status.json``, or ``station_status.3.0.json``.

    Parameters
    ----------
    path : Path
        The folder, of whose versions the highest is taken, or its ``gbfs.2.2.json``.

    Raises
    ------
    Refused
        When there are none.
    """
    folder, ending = path, ""
    if path.is_file():
        folder, ending = path.parent, path.name.removeprefix("gbfs")
    else:
        endings = {file.name.removeprefix(name) for name in FEEDS for file in folder.glob(f"{name}.*json")}
        ending = max(endings, key=lambda one: [int(part) for part in re.findall(r"\d+", one)], default=".json")
    found = {name: folder / f"{name}{ending}" for name in FEEDS}
    documents = {name: file.read_bytes() for name, file in found.items() if file.is_file()}
    if not {"station_information", "free_bike_status", "vehicle_status"} & set(documents):
        raise Refused(
            f"{path} holds neither station_information{ending} nor vehicle_status{ending}; give a folder of GBFS files",
            code="broken_gbfs",
        )
    return documents


def is_url(address: str) -> bool:
    """Tell whether an address is one of the internet."""
    return urlsplit(address).scheme in {"http", "https"}


# ── what counts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _switch(reach: Reach, systems: Sequence[System]) -> None:
    """Write what the systems said last, and make it what counts."""
    said = []
    for system in systems:
        with suppress(MobigoError):
            contents = _read_kept(reach.folder / system.name)
            if contents is not None:
                said.append((system.name, _dated(contents, system)))
    numbers = [int(folder.name) for folder in (reach.folder / "at").glob("*") if folder.name.isdigit()]
    number = max(numbers, default=0) + 1
    new = reach.folder / "at" / str(number)
    write_packed(new, pack_systems(said))
    pointer = reach.folder / "current.new"
    pointer.write_text(str(number))
    pointer.replace(reach.folder / "current")
    for old in sorted(numbers, reverse=True)[KEPT - 1 :]:
        shutil.rmtree(reach.folder / "at" / str(old))


def _read_kept(folder: Path) -> Contents | None:
    try:
        documents = json.loads((folder / SAID).read_text())
    except FileNotFoundError:
        return None
    return read_system({name: text.encode() for name, text in documents.items()})


def _dated(contents: Contents, system: System) -> Contents:
    """Fill in when it was said, where the system does not say: when it answered last."""
    if contents.made_at or system.fetched_at is None:
        return contents
    return contents._replace(made_at=int(system.fetched_at.timestamp()))


def find_stamp(home: Path) -> int:
    """Tell when what counts was switched in last; -1 when there is nothing."""
    try:
        return (home / "sharing" / "current").stat().st_mtime_ns
    except FileNotFoundError:
        return -1


def map_current(home: Path) -> SharedFleet | None:
    """Map what counts now; None when nothing is polled, or it was written by another version."""
    folder = home / "sharing"
    try:
        return map_packed(folder / "at" / (folder / "current").read_text(), SharedFleet)
    except (FileNotFoundError, KeyError):
        return None


@contextmanager
def _polling(reach: Reach) -> Iterator[None]:
    """Hold the right to poll: one at a time for a home."""
    reach.folder.mkdir(parents=True, exist_ok=True)
    with (reach.folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield
