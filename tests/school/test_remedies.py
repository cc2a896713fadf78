"""A register as it comes: what cannot be planned gets a sentence that says what to change, and the rest is planned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database
from tests.school.test_scenarios import ALL, STREETS, place
from tests.street_text import write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.school import scenario_store, scenarios
from mobigo.school.gaps import find_gaps
from mobigo.school.register_service import Actor, import_file
from mobigo.school.yearplan import Effort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

YEAR = "2026-2027"
STAFF = Actor("claire", "school", datetime(2026, 11, 22, tzinfo=UTC))

ISLAND = """
x 9000 9000
y 9400 9000
9: x y  highway=footway
"""
CROWD = 67
SEATS = 66
STOPS = {"S1": (5_500, 0), "S2": (3_000, 2_000), "S3": (2_000, 4_000), "ILE": (9_200, 9_000), "FOULE": (4_000, 0)}


def pupils() -> str:
    """Four pupils as they should be at three stops each, and those with whom something is wrong."""
    rows = [
        f"B{stop}{n};E1;6e;{place(x + 20 * n, y + 15)}" for stop, (x, y) in list(STOPS.items())[:3] for n in range(4)
    ]
    rows += [f"F{n};E1;6e;{place(4_000 + n % 10, 15 + n // 10)}" for n in range(CROWD)]
    rows += [f"I{n};E1;6e;{place(9_200, 9_010)}" for n in range(2)]
    rows += ["SANS;E1;6e;;", f"MUET;E3;6e;{place(3_000, 2_010)}"]
    return "Numéro;UAI;Niveau;lat;lon\n" + "\n".join(rows) + "\n"


LISTS = {
    "schools.csv": (
        f"UAI;Nom;Niveau;lat;lon\nE1;Collège;collège;{place(100, 0)}\nE3;Sans sonnerie;collège;{place(0, 100)}\n"
    ),
    "bells.csv": f"UAI;Trajet;Jours;Heure\nE1;matin;{ALL};8h00\nE1;soir;{ALL};17h00\n",
    "stops.csv": "arrêt;nom;lat;lon\n" + "".join(f"{key};Place {key};{place(*at)}\n" for key, at in STOPS.items()),
    "operators.csv": "transporteur;nom\nT1;Cars\n",
    "vehicles.csv": f"véhicule;transporteur;type;places;coût journalier\nV1;T1;autocar;{SEATS};190\n",
    "pupils.csv": pupils(),
}


@pytest.fixture(scope="module")
def planned(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    folder = tmp_path_factory.mktemp("remedies")
    with new_database(test_cluster) as url:
        load_osm(write_osm(folder, STREETS + ISLAND), url, now=STAFF.now)
        yield Year(libpq_conninfo(url), folder)


class Year:
    """The year in a database, with its lists."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.conninfo, self.folder = conninfo, folder
        with psycopg.connect(conninfo) as connection:
            for name, text in LISTS.items():
                import_file(connection, YEAR, text.encode(), name, STAFF)
            self.gaps = find_gaps(connection, YEAR)
        self.document = self.plan("Tel quel", [])

    def plan(self, name: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
        with psycopg.connect(self.conninfo) as connection:
            made = scenarios.make_scenario(connection, YEAR, name, STAFF)
            scenarios.change_scenario(connection, made.id, changes, STAFF, revision=None)
            number = scenarios.ask_plan(connection, made.id, Effort(work=1), STAFF)
        scenarios.run_plan(
            lambda: psycopg.connect(self.conninfo, autocommit=True), number, self.folder / "roads", Clock(),
            say=lambda _: None,
        )  # fmt: skip
        with psycopg.connect(self.conninfo) as connection:
            return scenario_store.get_document(connection, number)


def carried(document: dict[str, Any]) -> int:
    """Count who rides in the morning."""
    (session,) = (one for one in document["sessions"] if one["way"] == "morning")
    return sum(len(call["pupils"]) for run in session["runs"] for call in run["calls"])


@pytest.mark.parametrize(
    ("kind", "english", "french"),
    [
        ("no_address", "write its address or its latitude and longitude", "indiquez sa latitude et sa longitude"),
        ("no_bell", "Sans sonnerie (E3) has no bell in the morning", "ajoutez-le à la liste des horaires"),
        ("stop_unreached", "move the stop to one that they may use", "déplacez l’arrêt"),  # noqa: RUF001
        (
            "stop_overfull",
            "67 pupils wait at stop Place FOULE (FOULE) for Collège, and a vehicle has 66 seats",
            "66 places",
        ),
    ],
)
def test_what_cannot_be_planned_is_said_with_what_to_change(
    planned: Year, kind: str, english: str, french: str
) -> None:
    said = [one for one in planned.document["troubles"] if one["kind"] == kind]
    assert any(english in one["text"] for one in said), said
    assert any(french in one["text_fr"] or "latitude" in one["text_fr"] for one in said), said


def test_the_rest_is_planned_all_the_same(planned: Year) -> None:
    assert carried(planned.document) == 12 + CROWD
    (morning,) = (one for one in planned.document["sessions"] if one["way"] == "morning")
    assert all(sum(len(call["pupils"]) for call in run["calls"]) <= SEATS for run in morning["runs"])
    assert len({run["id"] for run in morning["runs"] if any(call["stop"] == "FOULE" for call in run["calls"])}) == 2


def test_a_ride_limit_that_nothing_can_keep_names_the_stops_and_the_others_ride(planned: Year) -> None:
    document = planned.plan("Trop court", [{"kind": "limits", "ride": {"college": 540}}])
    said = [one for one in document["troubles"] if one["kind"] == "ride_too_long"]
    assert any("the longest ride is 9; allow a longer one" in one["text"] for one in said), said
    assert {one["about"] for one in said}
    assert 0 < carried(document) < 12 + CROWD
    left = {stop for pupil, stop in document["stops"].items()} - {
        call["stop"] for one in document["sessions"] for run in one["runs"] for call in run["calls"]
    }
    assert {f"Place {stop} ({stop})" for stop in left} == {
        one["about"] for one in document["troubles"] if one["kind"] in {"ride_too_long", "stop_unreached"}
    }


def test_the_register_says_beforehand_what_it_lacks(planned: Year) -> None:
    codes = {gap.code for gap in planned.gaps}
    assert {"pupil_without_home", "school_without_bell"} <= codes
    assert all(gap.what != gap.what_fr for gap in planned.gaps)
