"""Documents of the staff over the services of feeds: what is in force, what is kept out, and that it is said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import new_database
from tests.feed_text import pack
from tests.ondemand.flex_text import files

from mobigo.db.engine import libpq_conninfo
from mobigo.ondemand import services, services_store
from mobigo.ondemand.catalogue import Catalogues, find_revision, read_catalogue
from mobigo.ondemand.documents import SupplementBody, to_document
from mobigo.ondemand.services import Author
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.documents import ServiceBody

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AUTHOR = Author("Alix", NOW)
LINE, POINTS = "valley:line", "valley:points"


@pytest.fixture(scope="module")
def database(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with new_database(test_cluster) as url:
        path = pack(tmp_path_factory.mktemp("layers") / "valley.zip", files())
        load_gtfs(path, "valley", url, now=NOW)
        yield url


@pytest.fixture
def connection(database: str) -> Iterator[Connection[Any]]:
    """A transaction that is rolled back."""
    with psycopg.connect(libpq_conninfo(database)) as connection:
        yield connection
        connection.rollback()


def document(catalogue: Catalogue, id_: str) -> ServiceBody:
    body = to_document(catalogue.get(id_))
    return type(body).model_validate(body.model_dump(mode="json"))


def store(connection: Connection[Any], id_: str, content: dict[str, Any]) -> None:
    connection.execute(
        "INSERT INTO ondemand_service (id, revision, document, written_by, written_at) VALUES (%s, 1, %s, 'x', now())",
        (id_, Jsonb(content)),
    )


def test_a_withdrawn_line_is_closed_in_the_timetable_too(connection: Connection[Any]) -> None:
    before = read_catalogue(connection)
    assert before.closed_trips == frozenset()
    services.withdraw(connection, before, LINE, AUTHOR)
    after = read_catalogue(connection, before)
    assert LINE not in after.services
    assert (after.booked_trips, after.closed_trips) == ({}, {"valley:v1"})
    services.undo(connection, LINE, AUTHOR)
    assert read_catalogue(connection, after).closed_trips == frozenset()


def test_a_line_whose_times_the_staff_changed_is_not_ridden_as_the_timetable_says(connection: Connection[Any]) -> None:
    catalogue = read_catalogue(connection)
    body = document(catalogue, LINE)
    body.booking_rules[0].prior_notice_last_time = "16:00:00"
    services.write(connection, catalogue, LINE, body, AUTHOR)
    same_times = read_catalogue(connection, catalogue)
    assert (set(same_times.booked_trips), same_times.closed_trips) == ({"valley:v1"}, frozenset())
    body.trips[0].stop_times[0].departure_time = "08:01:00"
    services.write(connection, same_times, LINE, body, AUTHOR)
    other_times = read_catalogue(connection, same_times)
    assert other_times.closed_trips == {"valley:v1"}
    assert other_times.get(LINE).trips[0].calls[0].departure == 8 * 3600 + 60


def test_a_supplement_follows_its_feed(connection: Connection[Any]) -> None:
    catalogue = read_catalogue(connection)
    told = SupplementBody.model_validate({"promise": {"fare_cents": 300}})
    services.add(connection, catalogue, POINTS, told, AUTHOR)
    after = read_catalogue(connection, catalogue)
    assert after.get(POINTS).promise.fare_cents == 300
    assert after.get(POINTS).trips == catalogue.get(POINTS).trips


@pytest.mark.parametrize(
    ("id_", "content", "code"),
    [
        ("valley:gone", {"form": "supplement", "operator": None}, "unknown_service"),
        (POINTS, {"form": "supplement", "colour": "red"}, "invalid_service"),
        (POINTS, {"form": "whole", "kind": "taxi"}, "invalid_service"),
        (POINTS, {}, None),
        (POINTS, {"form": "supplement", "promise": {"ride_factor": "much"}}, "invalid_service"),
    ],
)
def test_a_document_that_cannot_be_applied_is_named_and_the_feed_stays_in_force(
    connection: Connection[Any], id_: str, content: dict[str, Any], code: str | None
) -> None:
    store(connection, id_, content)
    catalogue = read_catalogue(connection)
    assert [one.code for one in catalogue.faults.get(id_, ())] == ([code] if code else [])
    assert POINTS in catalogue.services


def test_a_process_reads_again_only_what_changed_for_all(database: str) -> None:
    catalogues = Catalogues()
    with psycopg.connect(libpq_conninfo(database)) as ours, psycopg.connect(libpq_conninfo(database)) as theirs:
        first = catalogues.current(ours)
        assert catalogues.current(ours) is first
        services.withdraw(theirs, first, POINTS, AUTHOR)
        assert catalogues.current(ours) is first  # not committed
        theirs.commit()
        assert POINTS not in catalogues.current(ours).services
        services.undo(ours, POINTS, AUTHOR)
        ours.commit()
        assert catalogues.current(ours).get(POINTS) == first.get(POINTS)
        assert find_revision(ours) == catalogues.current(ours).revision


def test_revisions_are_counted_and_kept(connection: Connection[Any]) -> None:
    catalogue = read_catalogue(connection)
    services.withdraw(connection, catalogue, POINTS, AUTHOR)
    services.undo(connection, POINTS, AUTHOR)
    history = services_store.list_revisions(connection, POINTS)
    assert [one.number for one in history] == sorted((one.number for one in history), reverse=True)
    assert {one.written_by for one in history} == {"Alix"}
