"""What leaves school transport: papers that can be read aloud, workbooks, open data that says nothing of pupils."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import gtfs_guru
import psycopg
import pytest
from openpyxl import load_workbook
from pypdf import PdfReader
from tests.conftest import AppClient, new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.school.attendance import is_at_home
from mobigo.school.network import read_network
from mobigo.school.register import Call, Circuit, Run, Seat
from mobigo.school.sheets import write_class_list, write_driver_sheet
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

YEAR = "/v1/school/years/2026-2027"
LISTS = {
    "schools.csv": "UAI;Nom;Niveau;lat;lon\nE1;Collège Christiane Perceret;collège;47.4906;4.3347\n",
    "bells.csv": "UAI;Trajet;Jours;Heure\nE1;matin;lun mar jeu ven;8h00\n",
    "stops.csv": (
        "arrêt;nom;lat;lon;cap;ouvert\nA1;Mairie;47.50;4.30;90;oui\nA2;Église;47.48;4.36;;oui\n"
    ),
    "operators.csv": "transporteur;nom;tel\nT1;Cars de l'Auxois;0380112233\n",
    "vehicles.csv": "véhicule;transporteur;type;places\nV1;T1;autocar;57\n",
    "circuits.csv": "circuit;nom;véhicule\nC1;Nord <b>*gras*</b> #set;V1\n",
    "runs.csv": "course;circuit;sens;jours\nC1-M;C1;matin;lun mar jeu ven\nC1-S;C1;soir;lun mar jeu ven\n",
    "calls.csv": (
        "course;rang;heure;arrêt;UAI\nC1-M;1;7h30;A1;\nC1-M;2;7h40;A2;\nC1-M;3;7h50;;E1\n"
        "C1-S;1;17h10;;E1\nC1-S;2;17h20;A2;\nC1-S;3;17h30;A1;\n"
    ),
    "pupils.csv": (
        "Numéro;Nom;Prénom;UAI;Niveau;Classe;Courriel;Téléphone;lat;lon;Jours;Jours domicile 2;lat domicile 2;"
        "lon domicile 2\n"
        "990011;ZZQNOM;ZZQPRENOM;E1;6e;6A;zzq@exemple.fr;0611223344;47.50123;4.30123;lun mar mer;jeu ven;47.48123;"
        "4.36123\n"
        "990012;ZZQAUTRE;ZZQAMI;E1;6e;6B;;;47.50123;4.30123;lun mar mer jeu ven;;;\n"
    ),
    "seats.csv": (
        "élève;course;arrêt;domicile\n990011;C1-M;A1;1\n990011;C1-M;A2;2\n990012;C1-M;A1;1\n990012;C1-S;A1;1\n"
    ),
}  # fmt: skip
MONDAY, THURSDAY, SUNDAY = "2026-11-23", "2026-11-26", "2026-11-29"


@pytest.fixture(scope="module")
def school(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("outputs")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        app = create_app(engine=engine, clock=Clock(), home=folder)
        with serve(app) as address:
            one = School(address, folder, url)
            for name, text in LISTS.items():
                answer = one.staff.post(f"{YEAR}/import", files={"file": (name, text.encode())})
                assert answer.status_code == 200, answer.text
            yield one
            one.close()
        engine.dispose()


class School:
    """The served application, asked by staff or by anybody."""

    def __init__(self, address: str, folder: Path, url: str) -> None:
        self.url, self.folder = url, folder
        self.staff, self.auditor, self.anybody = (
            self.open(address, role) for role in (Role.SCHOOL, Role.AUDITOR, None)
        )

    def open(self, address: str, role: Role | None) -> AppClient:
        headers = {}
        if role is not None:
            token = issue(read_key(self.folder), "anne", role, datetime.now(UTC), timedelta(hours=1))
            headers = {"Authorization": f"Bearer {token}"}
        return AppClient(base_url=address, timeout=120, headers=headers)

    def close(self) -> None:
        for one in (self.staff, self.auditor, self.anybody):
            one.close()


def read_pdf(content: bytes) -> tuple[str, PdfReader]:
    reader = PdfReader(io.BytesIO(content))
    return "\n".join(page.extract_text() for page in reader.pages), reader


def test_a_drivers_sheet_has_halts_and_numbers_and_nobodys_name(school: School) -> None:
    answer = school.staff.get(f"{YEAR}/circuits/C1/sheet.pdf")
    assert answer.status_code == 200, answer.text
    text, reader = read_pdf(answer.content)
    for said in ("07:30", "Mairie", "vers est", "Cars de l'Auxois", "V1 (57)", "#set", "*gras*", "Collège Christiane"):
        assert said in text, text
    assert "ZZQ" not in text
    assert str(reader.trailer["/Root"]["/MarkInfo"]["/Marked"]) == "True"  # type: ignore[index]
    assert reader.trailer["/Root"]["/Lang"] == "fr"  # type: ignore[index]
    assert reader.metadata is not None
    assert reader.metadata.title == "Fiche circuit C1"
    english, _ = read_pdf(school.staff.get(f"{YEAR}/circuits/C1/sheet.pdf", params={"language": "en"}).content)
    assert "towards east" in english
    assert school.staff.get(f"{YEAR}/circuits/X/sheet.pdf").json()["code"] == "unknown_circuit"
    assert school.anybody.get(f"{YEAR}/circuits/C1/sheet.pdf").status_code == 401


def test_lists_with_names_are_logged_and_not_for_auditors(school: School) -> None:
    answer = school.staff.get(f"{YEAR}/schools/E1/list.pdf")
    text, _ = read_pdf(answer.content)
    assert "ZZQNOM ZZQPRENOM" in text
    assert "6A" in text
    assert "lun mar\n" in text  # of the first of two homes; the run has no Wednesdays
    assert "jeu ven" in text
    boarding, _ = read_pdf(school.staff.get(f"{YEAR}/runs/C1-M/boarding.pdf", params={"day": THURSDAY}).content)
    assert "ZZQAUTRE" in boarding
    for path in ("schools/E1/list.pdf", f"runs/C1-M/boarding.pdf?day={MONDAY}"):
        assert school.auditor.get(f"{YEAR}/{path}").status_code == 403
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        logged = [row[0] for row in connection.execute("SELECT what FROM school_access ORDER BY id")]
    assert "list of school E1" in logged
    assert "boarding list of run C1-M" in logged
    assert school.staff.get(f"{YEAR}/schools/X/list.pdf").json()["code"] == "unknown_school"


def test_who_boards_goes_by_the_home_of_the_day(school: School) -> None:
    def boarding(day: str) -> list[int]:
        found = school.staff.get(f"{YEAR}/runs/C1-M/boarding", params={"day": day}).json()["halts"]
        return [len(one["pupils"]) for one in found]

    assert boarding(MONDAY) == [2, 0]
    assert boarding(THURSDAY) == [1, 1]
    assert boarding(SUNDAY) == []
    assert boarding("2026-12-21") == []  # a Monday of the school's holidays
    assert boarding("2027-03-29") == []  # Easter Monday
    assert school.staff.get(f"{YEAR}/runs/X/boarding", params={"day": MONDAY}).json()["code"] == "unknown_run"


@pytest.mark.parametrize(
    ("weeks", "day", "at_home"),
    [("all", date(2026, 11, 23), True), ("even", date(2026, 11, 23), True), ("odd", date(2026, 11, 23), False),
     ("odd", date(2027, 1, 4), True), ("even", date(2026, 12, 28), False), ("all", date(2026, 11, 28), False)],
)  # fmt: skip
def test_weeks_are_counted_as_schools_do(weeks: str, day: date, at_home: bool) -> None:  # noqa: FBT001 - of a table
    assert is_at_home((1, 2, 3, 4, 5), weeks, day) is at_home


def test_open_data_is_open_valid_and_says_nothing_of_pupils(school: School, tmp_path: Path) -> None:
    answer = school.anybody.get("/v1/school/open-data/2026-2027/gtfs.zip")
    assert answer.status_code == 200
    path = tmp_path / "school.zip"
    path.write_bytes(answer.content)
    assert gtfs_guru.validate(str(path), country_code="FR", date="2026-11-22").errors() == []
    with zipfile.ZipFile(path) as archive:
        tables = {name: archive.read(name).decode() for name in archive.namelist()}
    everything = "".join(tables.values()) + school.anybody.get("/v1/school/open-data/2026-2027/circuits.geojson").text
    for secret in ("ZZQ", "99001", "47.50123", "4.30123", "6A"):
        assert secret not in everything
    assert "C1-M,3,school-E1,07:50:00,07:50:00,1,0" in tables["stop_times.txt"]
    assert "C1-M,1,A1,07:30:00,07:30:00,0,1" in tables["stop_times.txt"]
    assert "days-1245,20261102,2" not in tables["calendar_dates.txt"]  # lessons again
    assert "days-1245,20261222,2" in tables["calendar_dates.txt"]
    assert "days-1245,20261223,2" not in tables["calendar_dates.txt"]  # a Wednesday anyway
    assert school.anybody.get("/v1/school/open-data/2026-2027/gtfs.zip").content == answer.content
    shown = json.loads(school.anybody.get("/v1/school/open-data/2026-2027/circuits.geojson").text)
    assert {one["id"] for one in shown["features"]} == {"C1-M", "C1-S", "A1", "A2", "school-E1"}
    assert school.anybody.get("/v1/school/open-data/2031-2032/gtfs.zip").status_code == 404


def test_a_door_is_never_published(school: School) -> None:
    with psycopg.connect(libpq_conninfo(school.url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO school_stop (year, id, name, lat, lon, open) VALUES"
            " ('2026-2027', 'door-KEY-1', 'Domicile', 47.77777, 4.77777, false)"
        )
        connection.execute(
            "INSERT INTO school_run (year, id, circuit, trip, weekdays, riders) VALUES"
            " ('2026-2027', 'D', 'C1', 'morning', '{1}', 'all')"
        )
        connection.execute(
            "INSERT INTO school_call (year, run, position, at, stop, school) VALUES"
            " ('2026-2027', 'D', 1, 25200, 'door-KEY-1', NULL), ('2026-2027', 'D', 2, 28000, NULL, 'E1')"
        )
    content = school.anybody.get("/v1/school/open-data/2026-2027/gtfs.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        everything = "".join(archive.read(name).decode() for name in archive.namelist())
    everything += school.anybody.get("/v1/school/open-data/2026-2027/circuits.geojson").text
    assert "door" not in everything
    assert "47.77777" not in everything
    assert "\nD," not in everything


def test_a_plan_is_a_workbook(school: School) -> None:
    document = {
        "figures": {"vehicles": 1, "cents": None},
        "sessions": [
            {"name": "morning 1", "way": "morning", "weekdays": [1], "vehicles": 1, "bound": 1, "locked": 0, "runs": [
                {"id": "M1-001", "vehicle": 0, "school": "E1", "trip": "morning", "riders": "all", "bell": 28800,
                 "at": 28600, "metres": 5200, "empty": 0, "longest_ride": 900,
                 "calls": [{"stop": "A1", "at": 27600, "pupils": ["KEY/1", "OTHER/2"]}]},
            ]},
        ],
        "stops": {}, "walks": {}, "troubles": [{"kind": "no_stop", "about": "K", "text": "=open a stop"}],
    }  # fmt: skip
    with psycopg.connect(libpq_conninfo(school.url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO school_scenario (id, year, name, revision, state, made_by, made_at)"
            " VALUES ('0123456789abcdef', '2026-2027', 'x', 1, 'draft', 'x', now())"
        )
        row = connection.execute(
            "INSERT INTO school_plan (scenario, revision, state, effort, document, figures, asked_by, asked_at) VALUES"
            " ('0123456789abcdef', 1, 'done', '{}', %s, '{}', 'x', now()) RETURNING id",
            [json.dumps(document)],
        ).fetchone()
    assert row is not None
    answer = school.staff.get(f"/v1/school/plans/{row[0]}/plan.xlsx")
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == [
        "Chiffres", "Sessions", "Courses", "Horaires déplacés", "Passages", "Affectations", "Problèmes",
    ]  # fmt: skip
    assert [cell.value for cell in book["Passages"][2]] == ["M1-001", 1, "07:40", "A1", "Mairie", 2]
    assert [cell.value for cell in book["Affectations"][3]] == ["M1-001", "OTHER", 2, "A1"]
    assert book["Problèmes"]["C2"].data_type == "s"
    assert [cell.value for cell in book["Chiffres"][2]] == ["Véhicules", 1, None, "vehicles"]
    assert [cell.value for cell in book["Courses"][2]][4] == "matin"


def test_runs_that_are_driven_at_once_stand_together_on_the_drivers_sheet(school: School) -> None:
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        plain = read_network(connection, "2026-2027")
    days = (1, 2, 4, 5)
    runs = {
        "M-1": Run("M-1", "C9", "morning", days),
        "M-2": Run("M-2", "C9", "morning", days),
        "M-3": Run("M-3", "C9", "morning", days),
    }
    calls = {
        "M-1": [Call("M-1", 1, 27_000, "A1"), Call("M-1", 2, 28_200, None, "E1")],
        "M-2": [Call("M-2", 1, 27_060, "A1"), Call("M-2", 2, 27_600, "A2"), Call("M-2", 3, 28_500, None, "E2")],
        "M-3": [Call("M-3", 1, 29_000, "A2"), Call("M-3", 2, 29_700, None, "E1")],
    }
    seats = {"M-1": [Seat("p1", "M-1", "A1")], "M-2": [Seat("p2", "M-2", "A1"), Seat("p3", "M-2", "A2")]}
    schools = {**plain.schools, "E2": replace(plain.schools["E1"], id="E2", name="École du Bourg")}
    network = replace(
        plain, schools=schools, circuits={"C9": Circuit("C9", "Ensemble")}, runs=runs, calls=calls, seats=seats
    )
    text, _ = read_pdf(write_driver_sheet(network, "C9", language="fr", now=datetime.now(UTC)))
    assert text.count("Matin (") == 2
    halts = [line for line in text.splitlines() if re.match(r"\d\d:\d\d", line)]
    assert [line[:5] for line in halts] == ["07:30", "07:40", "07:50", "07:55", "08:03", "08:15"]
    assert halts[0].endswith("2")  # both stand at one stop, for two schools


def test_a_class_list_counts_pupils_and_says_when_they_come_from_which_home(school: School) -> None:
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        network = read_network(connection, "2026-2027")
    whole: dict[str, Any] = {
        "school": "E1", "grade": "6A", "last_name": "Martin", "first_name": "Léo", "weekdays": (1, 2, 3, 4, 5),
        "weeks": "even", "second_weekdays": (1, 2, 3, 4, 5), "second_weeks": "odd", "boarding": "half_board",
    }  # fmt: skip
    people = [{**whole, "key": "p1"}, {**whole, "key": "p2"}]  # of one name, in one class
    sits = (("p1", "A1", 1), ("p1", "A2", 2), ("p2", "A1", 1), ("p2", "A1", 2))
    two = [Seat(pupil, "C1-M", stop, home) for pupil, stop, home in sits]
    only = replace(network, seats={"C1-M": two})
    text, _ = read_pdf(write_class_list(only, "E1", people, language="fr", now=datetime.now(UTC)))
    flat = " ".join(text.split())
    assert "Élèves 2" in flat
    assert flat.count("Martin Léo") == 3  # who has one stop for both homes is there once
    assert (flat.count("semaines paires"), flat.count("semaines impaires")) == (1, 1)
