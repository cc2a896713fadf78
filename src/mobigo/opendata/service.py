"""Publishing: everything is made, judged, and only then put in place; what fails leaves the last good version there."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, NotFound
from mobigo.opendata import gate, store
from mobigo.opendata.alarms import raise_alarms
from mobigo.opendata.making import Making
from mobigo.opendata.model import Dataset, Piece, Problem, Report, Severity, Version
from mobigo.opendata.ondemand_rows import list_staff_sources
from mobigo.opendata.schemas import NOT_CHECKED, list_gaps
from mobigo.opendata.services import list_services
from mobigo.opendata.shelf import Shelf
from mobigo.opendata.timetables import list_timetables
from mobigo.opendata.usage_sets import list_usage_sets
from mobigo.parking.store import list_loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from psycopg import Connection

    from mobigo.opendata.making import Draft, Maker, Publisher
    from mobigo.opendata.model import Standing

LOCK = "hashtextextended('mobigo publishing', 0)"
"""Advisory lock under which one process publishes."""
AGAIN = timedelta(hours=20)
"""After which validators look again at what did not change: days pass, and validators learn."""


def list_sources(connection: Connection[Any]) -> list[str]:
    """List what a licence can be said of: feeds and registers that were loaded, services of the staff."""
    feeds = {source for (source,) in connection.execute("SELECT source FROM feed")}
    said = store.list_source_licences(connection)
    return sorted({*feeds, *list_staff_sources(connection), *list_loads(connection), *said})


class Outcome(StrEnum):
    """What became of a data set."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    """The version before it stays in place."""
    EMPTY = "empty"
    """There is nothing to publish."""


@dataclass(frozen=True)
class Published:
    """What became of a data set, and why."""

    dataset: str
    outcome: Outcome
    version: int | None
    """In place now."""
    problems: tuple[Problem, ...] = ()


def list_makers(connection: Connection[Any]) -> list[Maker]:
    """List all data sets that can be made from what the system holds, in the order of the catalogue."""
    return [*list_timetables(connection), *list_services(connection), *list_usage_sets(connection)]


@dataclass(frozen=True)
class Press:
    """What publishes, for whom, and when."""

    database: str
    """Its address."""
    home: Path
    publisher: Publisher
    now: datetime
    schemas: Path | None = None
    """Folder of the schemas of others."""

    @property
    def shelf(self) -> Shelf:
        """Where the files of all versions are."""
        return Shelf(self.home)

    def publish(
        self, only: Sequence[str] = (), progress: Callable[[str, int, int], None] | None = None
    ) -> list[Published]:
        """Make, judge and put in place.

        Parameters
        ----------
        only : sequence of str
            Data sets; empty: all.
        progress : callable, optional
            Told the data set that comes next, how many are done, and how many there are.

        Raises
        ------
        NotFound
            When one of `only` is no data set.
        Conflict
            When another process publishes.
        """
        with self._alone():
            with self._connect() as connection:
                makers = {maker.dataset.id: maker for maker in list_makers(connection)}
            for name in only:
                if name not in makers:
                    raise NotFound(f"no data set {name!r}; there are {', '.join(makers)}", code="unknown_dataset")
            chosen = [maker for name, maker in makers.items() if not only or name in only]
            done = []
            for number, maker in enumerate(chosen):
                if progress:
                    progress(maker.dataset.id, number, len(chosen))
                done.append(self._publish(maker))
            with self._connect() as connection:
                self.shelf.sweep(store.list_hashes(connection))
            self._raise_alarms()
        return done

    def _raise_alarms(self) -> None:
        engine = open_engine(self.database, pool_size=1)
        try:
            with Session(engine) as session, session.begin():
                raise_alarms(session, store.list_standings(driver(session)), self.publisher, self.now)
        finally:
            engine.dispose()

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(libpq_conninfo(self.database))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with psycopg.connect(libpq_conninfo(self.database), autocommit=True) as connection:
            row = connection.execute(f"SELECT pg_try_advisory_lock({LOCK})".encode()).fetchone()
            if not row or not row[0]:
                raise Conflict("another process is publishing; try again when it is done", code="publishing")
            try:
                yield
            finally:  # a closed connection gives it up only a moment later
                connection.execute(f"SELECT pg_advisory_unlock({LOCK})".encode())

    def _publish(self, maker: Maker) -> Published:
        dataset = maker.dataset
        with TemporaryDirectory(prefix="mobigo-publish-") as scratch:
            try:
                with self._connect() as reading:
                    reading.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                    reading.read_only = True
                    making = Making(
                        reading, self.database, Path(scratch), self.home, self.now, self.publisher, self.schemas
                    )
                    draft = maker.make(making)
                    if draft is None:
                        return Published(dataset.id, Outcome.EMPTY, None)
                    key = _name(draft)
                    same = self._touch(dataset, key)
                    if same is not None and not self._is_due(same):
                        return self._leave(same)
                    found = [
                        *draft.problems,
                        *gate.judge(making, dataset, draft),
                        *(one for check in maker.checks for one in check(making, draft)),
                    ]
            except Exception as error:  # noqa: BLE001 - whatever one data set stumbles over, the others go on
                structlog.get_logger().exception("a data set could not be made", dataset=dataset.id)
                return self._fail(dataset, [Problem("mobigo", "not_made", Severity.ERROR, 1, _tell(error))])
            if same is not None:
                self._note(same, found)
            if any(problem.severity is Severity.ERROR for problem in found):
                return self._fail(dataset, found)
            if same is not None and same.current is not None:
                return Published(dataset.id, Outcome.UNCHANGED, same.current.number, tuple(found))
            return self._put(dataset, replace(draft, problems=tuple(found)), key)

    def _touch(self, dataset: Dataset, key: str) -> Standing | None:
        """Note that what is in place is still what would be made, if it is; return how it stands."""
        with self._connect() as connection:
            standing = store.lock_set(connection, dataset, self.now)
            if standing.current is None or standing.current.key != key:
                return None
            store.put_in_place(connection, dataset.id, standing.current.number, self.now)
            return standing

    def _is_due(self, standing: Standing) -> bool:
        """Tell whether validators have to look again at what is in place: once a day, or when they can do more now."""
        assert standing.current is not None
        judged_at = standing.report.judged_at if standing.report else standing.current.made_at
        gaps = list_gaps(self.schemas)
        filled = any(one.code == NOT_CHECKED and one.sample not in gaps for one in standing.found)
        return self.now - judged_at >= AGAIN or (filled and self.schemas is not None)

    def _leave(self, standing: Standing) -> Published:
        """Leave what is in place, with what is known to be wrong with it."""
        assert standing.current is not None
        if any(problem.severity is Severity.ERROR for problem in standing.found):
            return self._fail(standing.dataset, standing.found)
        return Published(standing.dataset.id, Outcome.UNCHANGED, standing.current.number)

    def _note(self, standing: Standing, found: Sequence[Problem]) -> None:
        assert standing.current is not None
        with self._connect() as connection:
            report = Report(self.now, tuple(found))
            store.set_report(connection, standing.dataset.id, standing.current.number, report)

    def _put(self, dataset: Dataset, draft: Draft, key: str) -> Published:
        """Take the files to the shelf, then let the database point to them: killed between, the sweep removes them."""
        pieces = []
        for file in draft.files:
            name, size = self.shelf.put(file.path, file.media_type)
            pieces.append(Piece(file.name, file.media_type, file.format, size, name, file.standard))
        with self._connect() as connection:
            standing = store.lock_set(connection, dataset, self.now)
            newest = next(iter(store.list_versions(connection, dataset.id)), None)
            said = replace(draft.said, problems=draft.problems, changed=_compare(standing.current, draft))
            number = newest.number + 1 if newest else 1
            store.add_version(connection, Version(dataset.id, number, key, self.now, said, tuple(pieces)))
        return Published(dataset.id, Outcome.PUBLISHED, number, draft.problems)

    def _fail(self, dataset: Dataset, problems: Sequence[Problem]) -> Published:
        with self._connect() as connection:
            standing = store.lock_set(connection, dataset, self.now)
            store.note_failure(connection, dataset.id, problems, self.now)
        number = standing.current.number if standing.current else None
        return Published(dataset.id, Outcome.FAILED, number, tuple(problems))


def _tell(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _name(draft: Draft) -> str:
    """Name the content of all files, and the licence it is under."""
    said = "".join(f"{file.name} {file.key}\n" for file in draft.files) + draft.said.licence
    return sha256(said.encode()).hexdigest()


def _compare(before: Version | None, draft: Draft) -> dict[str, dict[str, int]]:
    """Say how the counts of tables changed."""
    if before is None:
        return {}
    old, new = before.said.counts, draft.said.counts
    return {
        name: {"before": old.get(name, 0), "after": new.get(name, 0)}
        for name in sorted({*old, *new})
        if old.get(name, 0) != new.get(name, 0)
    }
