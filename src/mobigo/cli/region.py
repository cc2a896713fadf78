"""What a home plans on: the demonstration, or the real feeds and extracts of a region."""

from __future__ import annotations

import csv
import re
import shutil
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from mobigo.kit.errors import InvalidInput, MobigoError, Refused, Unavailable

if TYPE_CHECKING:
    from mobigo.kit.clock import Clock
    from mobigo.settings import Settings

DEMONSTRATION = "demonstration"
FLEET = "demonstration_fleet.json"
"""Vehicles of its on-demand services."""
"""The demonstration's source, and its folder in ``gtfs/``."""

STREETS = "demonstration.osm"
"""Its file in ``osm/``; a database that holds this and no feed was left in the middle of loading."""

ZONE = ZoneInfo("Europe/Paris")
"""Whose week the demonstration's dates are laid around."""

WEEKS_BEFORE = 4
"""The demonstration's calendar begins so many weeks before the Monday of loading."""

AGED = timedelta(weeks=4)
"""After this the demonstration's calendar is laid anew."""

DATES = {
    "calendar.txt": ("start_date", "end_date"),
    "calendar_dates.txt": ("date",),
    "feed_info.txt": ("feed_start_date", "feed_end_date"),
}
"""Where a feed has dates."""

EYE, LOG = 0.2, 5.0
"""Seconds between two words about a download, in a terminal and in a log."""

MB = 1_000_000
CHECKSUM_BYTES = 10_000
DIGITS = {32: "md5", 64: "sha256"}
"""Kind of a checksum by its hexadecimal digits."""


# ── the demonstration ─────────────────────────────────────────────────────────────────────────────────────────────────


def data_folder(name: str) -> Path:
    """Return ``gtfs`` or ``osm``: beside the package in a wheel, at the top level of a clone."""
    import mobigo

    package = Path(mobigo.__file__).parent
    installed = package / "_data" / name
    return installed if installed.exists() else package.parents[1] / name


def monday_of(now: datetime) -> date:
    """Return the Monday of the week of an instant, as the demonstration region counts days."""
    today = now.astimezone(ZONE).date()
    return today - timedelta(days=today.weekday())


def lay_demonstration(folder: Path, monday: date) -> None:
    """Write the demonstration's feed into `folder`, its dates moved by whole weeks to lie around a Monday."""
    source = data_folder("gtfs") / DEMONSTRATION
    begins = _read_date(_read_rows(source / "feed_info.txt")[0]["feed_start_date"])
    move = monday - (begins + timedelta(weeks=WEEKS_BEFORE))
    for file in sorted(source.iterdir()):
        if file.name not in DATES:
            shutil.copyfile(file, folder / file.name)
            continue
        rows = _read_rows(file)
        for row in rows:
            row.update({column: f"{_read_date(row[column]) + move:%Y%m%d}" for column in DATES[file.name]})
        with (folder / file.name).open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def _read_date(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def load_demonstration(url: str, clock: Clock) -> bool:
    """Load the demonstration into an empty database, and lay its calendar anew when that has aged.

    Parameters
    ----------
    url : str
        Address of the migrated database.
    clock : Clock
        The clock of the home: "today" is what it says.

    Returns
    -------
    bool
        Whether anything was loaded. A database that holds something else is left alone.
    """
    import psycopg

    from mobigo.cli.demonstration_fleet import has_fleet, write_fleet
    from mobigo.db.engine import libpq_conninfo
    from mobigo.osm.store import find_active_extract
    from mobigo.transit.store import list_versions

    now = clock.now()
    monday = monday_of(now)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        active = {version.source: version for version in list_versions(connection) if version.status == "active"}
        extract = find_active_extract(connection)
    ours = active.pop(DEMONSTRATION, None)
    if ours is None and (active or (extract and extract.name != STREETS)):
        return False
    loaded = False
    if extract is None and not active:
        from mobigo.osm.load import load_osm

        print("Loading the demonstration's streets ...", flush=True)
        load_osm(data_folder("osm") / STREETS, url, now=now)
        loaded = True
    laid = ours.first_day + timedelta(weeks=WEEKS_BEFORE) if ours and ours.first_day else None
    fleet = data_folder("gtfs") / FLEET
    served = has_fleet(url, fleet)
    if not served:
        write_fleet(url, fleet, DEMONSTRATION, now)
    if laid is None or not served or not timedelta(0) <= monday - laid < AGED:
        print(f"Loading the demonstration's timetable, laid around the week of {monday} ...", flush=True)
        _load_timetable(url, monday, now)
        loaded = True
    return loaded


def _load_timetable(url: str, monday: date, now: datetime) -> None:
    from mobigo.cli.opendata import note_licence
    from mobigo.transit.load import load_gtfs

    with tempfile.TemporaryDirectory(prefix="mobigo-") as folder:
        laid = Path(folder) / DEMONSTRATION
        laid.mkdir()
        lay_demonstration(laid, monday)
        report = load_gtfs(laid, DEMONSTRATION, url, now=now)
    if report.status == "rejected":
        raise Refused("the demonstration's feed was refused; `mobigo feeds report demonstration` says why")
    note_licence(url, DEMONSTRATION, "CC0-1.0", "", now)


# ── a region's real data ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Source:
    """A file to download, and what must be said about it."""

    source: str
    title: str
    url: str
    licence: str
    attribution: str
    page: str = ""
    sha256: str | None = None
    checksum_url: str | None = None
    max_mb: int = 500


@dataclass(frozen=True)
class Region:
    """The sources of a region."""

    id: str
    name: str
    as_of: date
    gtfs: tuple[Source, ...] = ()
    osm: tuple[Source, ...] = ()


def read_regions(files: list[Path]) -> dict[str, Region]:
    """Read regions from files like ``gtfs/sources.toml``; a region in several files has the sources of all.

    Raises
    ------
    InvalidInput
        When a file cannot be read, or a source lacks something; it names file, region and key.
    """
    regions: dict[str, Region] = {}
    for file in files:
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{file} cannot be read: {error}; gtfs/sources.toml shows the form") from None
        for id_, entry in content.items():
            try:
                gtfs, osm = (tuple(Source(**source) for source in entry.get(kind, ())) for kind in ("gtfs", "osm"))
                before = regions.get(id_, Region(id_, entry["name"], entry["as_of"]))
            except (AttributeError, KeyError, TypeError) as error:
                raise InvalidInput(f"{file}, region {id_}: {error}; gtfs/sources.toml shows the form") from None
            regions[id_] = Region(id_, before.name, before.as_of, before.gtfs + gtfs, before.osm + osm)
    return regions


def load_region(name: str, sources: Path | None = None) -> None:
    """Download and load the feeds and extracts of a region.

    A source that fails is told and does not stop the others; the version of it in service stays. The demonstration
    leaves service: invented trains must not stand beside real ones.

    Parameters
    ----------
    name : str
        The region's id in ``gtfs/sources.toml`` and ``osm/sources.toml``.
    sources : Path, optional
        A file of the same form to take instead of these.

    Raises
    ------
    InvalidInput
        When no such region is described.
    Unavailable
        When nothing of it could be loaded, now or before.
    """
    from mobigo.cli.context import open_database
    from mobigo.settings import read_settings

    settings = read_settings()
    files = [sources] if sources else [data_folder("gtfs") / "sources.toml", data_folder("osm") / "sources.toml"]
    regions = read_regions(files)
    if name not in regions:
        raise InvalidInput(f"no sources of region {name!r}; known: {', '.join(sorted(regions)) or 'none'}")
    region = regions[name]
    print(f"{region.name}: addresses as published on {region.as_of}", flush=True)
    _Loading(settings, open_database(), region).run()


@dataclass
class _Loading:
    settings: Settings
    url: str
    region: Region
    failures: list[str] = field(default_factory=list)
    feeds: int = 0
    """Loaded, or in service already."""
    extracts: int = 0

    @property
    def folder(self) -> Path:
        return self.settings.home / "downloads" / self.region.id

    def run(self) -> None:
        for source in self.region.gtfs:
            with self._told(source):
                self._load_feed(source, self._download(source, "gtfs.zip"))
        extracts = []
        for source in self.region.osm:
            with self._told(source):
                extracts.append(self._download(source, _extract_suffix(source.url)))
        if extracts and len(extracts) == len(self.region.osm):
            with self._told(self.region.osm[0]):
                self._load_extracts(extracts)
        elif extracts:
            print("The streets stay as they are: half of them would cut the region in two.", flush=True)
        if not self.feeds + self.extracts and not self._serves():
            raise Unavailable(f"nothing of {self.region.name} could be loaded: {'; '.join(self.failures)}")
        if self.feeds:
            self._retire_demonstration()
        for failure in self.failures:
            print(f"mobigo: {failure}", file=sys.stderr, flush=True)

    def _serves(self) -> bool:
        """Whether anything of the region was loaded before: then a start without a network is no failure."""
        import psycopg

        from mobigo.db.engine import libpq_conninfo
        from mobigo.transit.store import list_versions

        with psycopg.connect(libpq_conninfo(self.url)) as connection:
            active = {version.source for version in list_versions(connection) if version.status == "active"}
        return not active.isdisjoint(source.source for source in self.region.gtfs)

    def _told(self, source: Source) -> _Told:
        return _Told(self, source)

    def _download(self, source: Source, suffix: str) -> Path:
        from mobigo.downloads import fetch_newer

        to = self.folder / f"{source.source}.{suffix}"
        print(f"{source.title}\n  {source.licence}, {source.attribution}", flush=True)
        expected = self._expected(source)
        meter = Meter(source.source)
        changed = fetch_newer(
            source.url,
            to,
            allow_hosts=self.settings.allow_hosts,
            max_bytes=source.max_mb * MB,
            sha256=source.sha256,
            progress=meter,
        )
        meter.end(changed=changed)
        if expected is not None and changed:
            _check(to, expected, source)
        return to

    def _expected(self, source: Source) -> str | None:
        """Ask the publisher for the checksum of the current version."""
        from mobigo.downloads import fetch

        if source.checksum_url is None:
            return None
        file = fetch(
            source.checksum_url,
            self.folder / f"{source.source}.checksum",
            allow_hosts=self.settings.allow_hosts,
            max_bytes=CHECKSUM_BYTES,
        )
        words = file.read_text(encoding="utf-8", errors="replace").split()
        if not words or len(words[0]) not in DIGITS or not re.fullmatch(r"[0-9a-fA-F]+", words[0]):
            raise Refused(f"{source.checksum_url} does not begin with an MD5 or SHA-256; correct or remove it")
        return words[0].lower()

    def _load_feed(self, source: Source, file: Path) -> None:
        from mobigo.cli.opendata import note_licence
        from mobigo.transit.load import load_gtfs

        report = load_gtfs(file, source.source, self.url, now=self.settings.open_clock().now(), origin=source.url)
        if report.status == "rejected":
            raise Refused(f"the feed was refused; `mobigo feeds report {source.source}` says why")
        trips = report.counts.get("trips.txt", 0)
        print(f"  {report.status}: {trips:,} trips, {len(report.findings)} findings", flush=True)
        note_licence(self.url, source.source, source.licence, source.attribution, self.settings.open_clock().now())
        self.feeds += 1

    def _load_extracts(self, files: list[Path]) -> None:
        from mobigo.osm.load import load_osm
        from mobigo.osm.merge import merge_extracts

        extract = files[0]
        if len(files) > 1:
            extract = self.folder / f"{self.region.id}.osm.pbf"
            if not extract.exists() or extract.stat().st_mtime < max(file.stat().st_mtime for file in files):
                print(f"Merging {len(files)} extracts ...", flush=True)
                merge_extracts(files, extract)
        report = load_osm(extract, self.url, now=self.settings.open_clock().now(), progress=_say)
        print(f"  streets {report.status}: {report.counts.get('edges', 0):,} edges", flush=True)
        self.extracts += 1

    def _retire_demonstration(self) -> None:
        import psycopg

        from mobigo.db.engine import libpq_conninfo
        from mobigo.transit.stations import consolidate
        from mobigo.transit.store import activate, feed_locked

        now = self.settings.open_clock().now()
        with psycopg.connect(libpq_conninfo(self.url)) as connection, feed_locked(connection, DEMONSTRATION):
            activate(connection, DEMONSTRATION, None)
            consolidate(connection, now)
            connection.commit()


@dataclass
class _Told:
    """Around the work on one source: what goes wrong is noted, not raised."""

    loading: _Loading
    source: Source

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, MobigoError):
            return False
        self.loading.failures.append(f"{self.source.source} was left out: {error}")
        print(f"  left out: {error}", flush=True)
        return True


def _check(file: Path, expected: str, source: Source) -> None:
    """Compare a download with the publisher's checksum; a damaged one is removed."""
    import hashlib

    with file.open("rb") as content:
        found = hashlib.file_digest(content, DIGITS[len(expected)]).hexdigest()
    if found != expected:
        file.unlink()
        raise Refused(
            f"{source.url} has the checksum {found}, its publisher says {expected}; it was damaged, or changed "
            "while it was downloaded: try again"
        )


def _extract_suffix(url: str) -> str:
    """Return the ending by which an extract is read."""
    known = ("osm.pbf", "osm.gz", "osm.bz2", "osm")
    return next((suffix for suffix in known if url.endswith(f".{suffix}")), "osm.pbf")


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _size(count: int) -> str:
    return f"{count / MB:,.1f} MB" if count >= MB else f"{count / 1000:,.0f} kB"


@dataclass
class Meter:
    """Shows how far a download is: on one line in a terminal, else a line now and then."""

    name: str
    _shown: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int | None) -> None:
        """Show progress; not more often than is of use."""
        terminal, now = sys.stdout.isatty(), time.monotonic()
        if now - self._shown < (EYE if terminal else LOG) and done != total:
            return
        text = f"  {self.name}: {_size(done)}" + (f" of {_size(total)}" if total else "")
        print(f"\r{text}" if terminal else text, end="" if terminal else "\n", flush=True)
        self._shown = now

    def end(self, *, changed: bool) -> None:
        """Finish the line."""
        if sys.stdout.isatty() and changed:
            print()
        if not changed:
            print(f"  {self.name}: as downloaded before", flush=True)


@click.command()
@click.argument("name")
@click.option(
    "--sources",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the addresses from this file instead of gtfs/sources.toml and osm/sources.toml.",
)
@click.option("--no-build", is_flag=True, help="Leave the network that serves as it is.")
def region(*, name: str, sources: Path | None, no_build: bool) -> None:
    """Download and load the real feeds and extracts of the region NAME."""
    from mobigo.cli.context import open_database
    from mobigo.cli.opendata import ask_to_publish
    from mobigo.journeys.service import build_network
    from mobigo.settings import read_settings

    load_region(name, sources)
    if not no_build:
        settings = read_settings()
        print("Building the network ...", flush=True)
        build_network(open_database(), settings.home, settings.open_clock().now())
        ask_to_publish(open_database())
