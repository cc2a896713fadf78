"""Find places as people type them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.kit.names import fold
from mobigo.places import service
from mobigo.places.match import parse_question, split_house_number
from mobigo.places.model import AmbiguousPlace, Kind, UnknownPlace

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from tests.town import Town

DIJON = Point(5.04, 47.32)


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Semur-en-Auxois", "semur en auxois"),
        ("ÉPOISSES", "epoisses"),
        ("E\u0301poisses", "epoisses"),  # the accent as a letter of its own
        ("l'Œuvre", "l oeuvre"),
        ("l\u2019œuvre", "l oeuvre"),
        ("St-Jean", "saint jean"),
        ("Ste.  Anne", "sainte anne"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("_-'%", ""),
    ],
)
def test_names_fold(typed: str, folded: str) -> None:
    assert fold(typed) == folded


@pytest.mark.parametrize(
    ("typed", "number", "rest"),
    [
        ("12 rue de la Liberté, Semur", "12", "rue de la liberte semur"),
        ("14 bis, rue de la Liberté", "14bis", "rue de la liberte"),
        ("14bis rue Haute", "14bis", "rue haute"),
        ("Hauptstraße 7", "7", "hauptstrasse"),
        ("3 rue du 8 mai 1945", "3", "rue du 8 mai 1945"),
    ],
)
def test_a_house_number_stands_before_or_after_its_street(typed: str, number: str, rest: str) -> None:
    found = split_house_number(typed)
    assert found
    assert (found[0], found[1].texts[0]) == (number, rest)


@pytest.mark.parametrize("typed", ["rue Haute", "21140 Semur", "12", ""])
def test_no_house_number(typed: str) -> None:
    assert split_house_number(typed) is None


def test_connectives_are_not_required() -> None:
    wanted = parse_question("gare de Semur en Aux")
    assert wanted
    assert wanted.words == (("gare",), ("semur",), ("aux",))


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("semur", "Semur-en-Auxois"),  # a town before a village and a stop of that name
        ("Semur en auxois", "Semur-en-Auxois"),
        ("SEMUR AUXOIS", "Semur-en-Auxois"),
        ("semur-en-b", "Semur-en-Brionnais"),
        ("semur gare", "Semur Gare, Semur-en-Auxois"),
        ("gare de semur", "Semur Gare, Semur-en-Auxois"),
        ("st jean de losne", "Saint-Jean-de-Losne"),
        ("saint-jean-de-boeuf", "St.-Jean-de-Bœuf"),
        ("liberte", "Liberté, Semur-en-Auxois"),
        ("rue de l'oeuvre", "Rue de l\u2019Œuvre, Époisses"),
        ("epoisses", "Époisses"),
        ("époisses mairie", "Époisses \u2013 Mairie"),
        ("rue haute", "Rue Haute, Semur-en-Auxois"),
        ("12 rue de la Liberté, Semur", "12 Rue de la Liberté, Semur-en-Auxois"),
        ("rue de la liberté 14 bis", "14 bis Rue de la Liberté, Semur-en-Auxois"),
        ("rue de la liberte 21140", "Rue de la Liberté, Semur-en-Auxois"),
        ("99 rue haute semur", "Rue Haute, Semur-en-Auxois"),  # no such number: the street
        ("3 rue du 8 mai 1945", "3 Rue du 8 Mai 1945, Montbard"),
        ("rue du 8 mai", "Rue du 8 Mai 1945, Montbard"),
        ("chateau epoisses", "Château d'Époisses"),
        ("pouillenay", "Pouillenay"),
        ("m", "Montbard"),
        ("semure en oxois", "Semur-en-Auxois"),  # typing errors
        ("montbar", "Montbard"),
        ("rue de la libertee semur", "Rue de la Liberté, Semur-en-Auxois"),
    ],
)
def test_the_best_place_comes_first(session: Session, typed: str, first: str) -> None:
    found = service.find(session, typed)
    assert found
    assert fold(found[0].label).startswith(fold(first)), [place.label for place in found]


def test_a_station_and_its_platforms_are_one_place(session: Session) -> None:
    (gare,) = [place for place in service.find(session, "semur gare") if place.kind == Kind.STOP]
    assert gare.id == "bus:gare"
    assert set(gare.stop_ids) == {"bus:gare:1", "bus:gare:2"}


def test_posts_of_one_name_on_both_sides_of_a_street_are_one_place(session: Session) -> None:
    (stop,) = service.find(session, "liberté", kinds=[Kind.STOP])
    assert set(stop.stop_ids) == {"bus:lib/a", "bus:lib/b"}


def test_a_station_of_the_map_is_the_stop_of_the_timetable(session: Session) -> None:
    assert [place.id for place in service.find(session, "gare de montbard")] == ["bus:montbard"]


def test_a_town_is_its_stops_the_main_one_first(session: Session) -> None:
    town = service.find(session, "semur en auxois", kinds=[Kind.COMMUNE])[0]
    assert town.stop_ids[0].startswith("bus:gare:")
    assert set(town.stop_ids) == {"bus:gare:1", "bus:gare:2", "bus:lib/a", "bus:lib/b"}


def test_near_comes_before_far(session: Session) -> None:
    north, south = (
        service.find(session, "villeneuve", near=near)[0] for near in (Point(4.4, 47.61), Point(4.6, 47.29))
    )
    assert (north.lat, south.lat) == (47.6, 47.3)


def test_a_person_at_the_other_end_of_the_world_is_answered(session: Session) -> None:
    assert service.find(session, "villeneuve", near=Point(180.0, -90.0))


def test_only_the_kinds_asked_for(session: Session) -> None:
    for kind in (Kind.STOP, Kind.COMMUNE, Kind.ADDRESS, Kind.POI):
        found = service.find(session, "epoisses", kinds=[kind])
        assert {place.kind for place in found} <= {kind}
    assert service.find(session, "epoisses", kinds=[Kind.COMMUNE])[0].name == "Époisses"


@pytest.mark.parametrize("typed", ["", " ", "%", "_", "'", "\\", "--", "🚌", "\0"])
def test_signs_alone_find_nothing(session: Session, typed: str) -> None:
    assert service.find(session, typed) == []


@pytest.mark.parametrize(
    "typed",
    ["'; DROP TABLE place; --", "semur' OR '1'='1", "%%%semur%%%", "semur\\", "${jndi}", "a" * 5000, "x " * 500],
)
def test_text_is_never_sql(session: Session, typed: str) -> None:
    service.find(session, typed, near=DIJON)
    assert session.execute(text("SELECT count(*) FROM place")).scalar_one() > 0


@pytest.mark.parametrize(
    ("given", "id_", "kind"),
    [
        ("bus:gare", "bus:gare", Kind.STOP),
        ("bus:gare:2", "bus:gare:2", Kind.STOP),  # a platform stays that platform
        ("commune/n1", "commune/n1", Kind.COMMUNE),
        ("Semur-en-Auxois", "commune/n1", Kind.COMMUNE),
        ("montbard", "commune/n3", Kind.COMMUNE),  # the town, not its stop of the same name
        ("semur gare", "bus:gare", Kind.STOP),
        ("12 rue de la liberté, semur", "street/n1/rue-de-la-liberte/12", Kind.ADDRESS),
        ("street/n1/rue-de-la-liberte/12", "street/n1/rue-de-la-liberte/12", Kind.ADDRESS),
        ("street/n1/rue-de-la-liberte", "street/n1/rue-de-la-liberte", Kind.ADDRESS),
        ("47.49, 4.33", "47.49, 4.33", Kind.POINT),
    ],
)
def test_a_text_resolves_to_one_place(session: Session, given: str, id_: str, kind: Kind) -> None:
    place = service.resolve(session, given)
    assert (place.id, place.kind) == (id_, kind)


def test_several_places_of_a_name_are_offered(session: Session) -> None:
    with pytest.raises(AmbiguousPlace, match="Villeneuve") as caught:
        service.resolve(session, "villeneuve")
    assert caught.value.code == "ambiguous_place"
    assert [place.name for place in caught.value.alternatives] == ["Villeneuve", "Villeneuve"]


@pytest.mark.parametrize(
    "given", ["Xyzzyqwerty", "bus:nowhere", "bus:gare9", "commune/n999", "street/n1/rue-de-la-liberte/13"]
)
def test_an_unknown_place_is_named(session: Session, given: str) -> None:
    with pytest.raises(UnknownPlace, match=given) as caught:
        service.resolve(session, given)
    assert caught.value.code == "unknown_place"


@pytest.mark.parametrize("given", ["", "  ", "91,0", "0,181", "1e999,0", ",", "--,.."])
def test_nonsense_is_refused(session: Session, given: str) -> None:
    with pytest.raises(InvalidInput):
        service.resolve(session, given)


def test_readers_see_all_names_while_they_are_gathered_anew(town: Town, session: Session) -> None:
    before = service.find(session, "semur")
    session.rollback()  # a reader in the midst of a transaction would hold the switch up
    with psycopg.connect(libpq_conninfo(town.url)) as connection:
        counts = service.rebuild(connection)
        assert counts["commune"] == 9
        assert service.find(session, "semur") == before
        session.rollback()
    assert service.find(session, "semur") == before


def test_names_gather_twice_in_one_transaction(town: Town) -> None:
    with psycopg.connect(libpq_conninfo(town.url)) as connection:
        assert service.rebuild(connection) == service.rebuild(connection)
        connection.rollback()


def test_the_address_at_a_point_is_the_nearest_house_number(session: Session) -> None:
    found = service.find_address_at(session, Point(4.3342, 47.49112))
    assert found is not None
    place, metres = found
    assert (place.label, round(metres)) == ("12 Rue de la Liberté, Semur-en-Auxois", 2)  # 0.00002 degrees north
    assert service.find_address_at(session, Point(4.3, 47.4)) is None
