"""Publishing: what is put in place, what stays, and what stands in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, NotFound
from mobigo.opendata import service, store
from mobigo.opendata.licences import find_licence, join_licences
from mobigo.opendata.making import Draft, Made, Maker, Making, Publisher
from mobigo.opendata.model import Dataset, Family, Problem, Said, Severity, SourceLicence
from mobigo.opendata.service import Outcome, Press
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
REGION = Publisher("La Région", "https://region.example", email="contact@region.example")
ONE = Dataset("one", {"fr": "Un", "en": "One"}, {"fr": "", "en": ""}, "places")


@pytest.fixture
def press(database_url: str, tmp_path: Path) -> Press:
    return Press(database_url, tmp_path, REGION, NOW)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        yield connection


def let_make(monkeypatch: pytest.MonkeyPatch, text: str, *problems: Problem, key: str = "") -> None:
    """Have one data set made, of a text."""

    def make(making: Making) -> Draft:
        path = making.folder / "one.txt"
        path.write_text(text)
        made = Made(path, "one.txt", "text/plain", "TXT", key or text)
        return Draft(Said("etalab-2.0", counts={"rows": len(text)}), (made,), problems)

    monkeypatch.setattr(service, "list_makers", lambda _: [Maker(ONE, make)])


def test_a_version_stays_at_its_number(press: Press, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    for text, outcome, number in (
        ("a", Outcome.PUBLISHED, 1),
        ("a", Outcome.UNCHANGED, 1),
        ("bb", Outcome.PUBLISHED, 2),
        ("a", Outcome.PUBLISHED, 3),
    ):
        let_make(monkeypatch, text)
        (done,) = press.publish()
        assert (done.outcome, done.version) == (outcome, number)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        versions = store.list_versions(connection, "one")
        assert [one.number for one in versions] == [3, 2, 1]
        assert versions[0].pieces == versions[2].pieces
        assert versions[1].said.changed == {"rows": {"before": 1, "after": 2}}
        assert press.shelf.find(versions[1].pieces[0].sha256).read_text() == "bb"
        with pytest.raises(psycopg.errors.RestrictViolation, match="stays at its address"):
            connection.execute("DELETE FROM opendata_version")


def test_what_a_validator_refuses_leaves_the_last_good_version(
    press: Press, monkeypatch: pytest.MonkeyPatch, connection: psycopg.Connection[Any]
) -> None:
    let_make(monkeypatch, "good")
    press.publish()
    wrong = Problem("outside", "broken", Severity.ERROR, 2, "line 3")
    let_make(monkeypatch, "bad", wrong)
    (done,) = press.publish()
    assert (done.outcome, done.version, done.problems[0]) == (Outcome.FAILED, 1, wrong)
    standing = store.find_standing(connection, "one")
    assert standing is not None
    assert standing.current is not None
    assert standing.current.number == 1
    assert standing.problems == done.problems
    let_make(monkeypatch, "good")
    press.publish()
    connection.rollback()
    standing = store.find_standing(connection, "one")
    assert standing is not None
    assert standing.problems == ()


def test_an_error_of_the_source_is_told_and_stops_nothing(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    let_make(monkeypatch, "as it is", Problem("outside", "odd", Severity.KNOWN, 1))
    (done,) = press.publish()
    assert done.outcome is Outcome.PUBLISHED


def test_a_maker_that_raises_stops_only_its_own(
    press: Press, monkeypatch: pytest.MonkeyPatch, connection: psycopg.Connection[Any]
) -> None:
    def make(_: Making) -> Draft:
        raise ValueError("broken source")

    def fine(making: Making) -> Draft:
        path = making.folder / "two.txt"
        path.write_text("2")
        return Draft(Said("etalab-2.0"), (Made(path, "two.txt", "text/plain", "TXT", "2"),))

    two = Dataset("two", ONE.title, ONE.about, ONE.theme)
    monkeypatch.setattr(service, "list_makers", lambda _: [Maker(ONE, make), Maker(two, fine)])
    assert [one.outcome for one in press.publish()] == [Outcome.FAILED, Outcome.PUBLISHED]
    standing = store.find_standing(connection, "one")
    assert standing is not None
    assert standing.current is None
    assert standing.problems[0].sample == "ValueError: broken source"


def test_killed_before_the_pointer_moves_the_old_version_stays_and_the_rest_is_swept(
    press: Press, monkeypatch: pytest.MonkeyPatch, connection: psycopg.Connection[Any]
) -> None:
    let_make(monkeypatch, "good")
    press.publish()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        let_make(patch, "newer")
        patch.setattr(store, "add_version", killed)
        with pytest.raises(KeyboardInterrupt):
            press.publish()
    standing = store.find_standing(connection, "one")
    assert standing is not None
    assert standing.current is not None
    assert standing.current.number == 1
    assert len(list((press.home / "published").glob("??/*"))) == 4  # both texts with their packed twins
    let_make(monkeypatch, "good")
    press.publish()
    assert len(list((press.home / "published").glob("??/*"))) == 2


def test_two_do_not_publish_at_once(press: Press, connection: psycopg.Connection[Any]) -> None:
    connection.execute(f"SELECT pg_advisory_lock({service.LOCK})".encode())
    with pytest.raises(Conflict, match="another process is publishing"):
        press.publish()


def test_an_unknown_data_set_is_named(press: Press) -> None:
    with pytest.raises(NotFound, match="'nothing'"):
        press.publish(["nothing"])


def test_licences_are_kept_apart(press: Press, database_url: str, connection: psycopg.Connection[Any]) -> None:
    for source, licence in (("free", "Licence Ouverte 2.0"), ("free2", "CC0"), ("alike", "ODbL 1.0"), ("dumb", None)):
        load_gtfs(DEMONSTRATION, source, database_url, now=NOW)
        if licence:
            said = SourceLicence(source, find_licence(licence), f"Who made {source}", True, "staff", NOW)
            store.set_source_licence(connection, said)
    connection.commit()
    done = {one.dataset: one.outcome for one in press.publish()}
    names = (
        "timetables",
        "timetables-odbl",
        "timetables-free",
        "timetables-free2",
        "timetables-alike",
        "timetables-dumb",
    )
    assert {name: done[name] for name in names} == dict.fromkeys(names, Outcome.PUBLISHED)
    current = {one.dataset.id: one.current for one in store.list_standings(connection)}
    told = {name: one.said for name, one in current.items() if one}
    assert told["timetables"].licence == "etalab-2.0"
    assert told["timetables"].attributions == ("Who made free", "Who made free2")
    assert told["timetables-odbl"].licence == "ODbL-1.0"
    assert told["timetables-odbl"].counts["trips"] == 3 * told["timetables-dumb"].counts["trips"]
    assert told["timetables-dumb"].licence == "unstated"
    hidden = SourceLicence("alike", find_licence("ODbL 1.0"), "", False, "staff", NOW + timedelta(1))
    store.set_source_licence(connection, hidden)
    connection.commit()
    assert {"timetables-alike", "timetables-odbl"}.isdisjoint(one.dataset for one in press.publish())


def test_what_may_not_be_mixed() -> None:
    names = {find_licence(word).family: find_licence(word) for word in ("odbl", "cc0", "who knows")}
    assert join_licences([names[Family.OPEN], names[Family.SHARE_ALIKE]]).id == "ODbL-1.0"
    with pytest.raises(Exception, match="may not stand in one file"):
        join_licences([names[Family.OPEN], names[Family.UNSTATED]])


def test_the_publisher_is_told_once_what_failed_and_what_ends(
    press: Press, monkeypatch: pytest.MonkeyPatch, connection: psycopg.Connection[Any]
) -> None:
    def make(making: Making) -> Draft:
        path = making.folder / "one.txt"
        path.write_text("x")
        said = Said("etalab-2.0", last_day=NOW.date() + timedelta(10))
        return Draft(said, (Made(path, "one.txt", "text/plain", "TXT", "x"),))

    monkeypatch.setattr(service, "list_makers", lambda _: [Maker(ONE, make)])
    press.publish()
    press.publish()
    let_make(monkeypatch, "bad", Problem("outside", "broken", Severity.ERROR, 2, "line 3"))
    press.publish()
    rows = connection.execute("SELECT subject, body FROM message ORDER BY id").fetchall()
    assert [subject for subject, _ in rows] == [
        "Données ouvertes : Un expire",
        "Données ouvertes : Un n'a pas été remplacé",
    ]
    assert "outside : broken (2) line 3" in rows[1][1]
