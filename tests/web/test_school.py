"""The pages of school transport's staff, without a browser: a year from its lists to a published plan and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import AppClient, new_database, serve
from tests.school.test_scenarios import LISTS, STREETS
from tests.street_text import write_osm

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.school.scenarios import run_plan
from mobigo.web.app import create_app
from mobigo.web.desk import price_in
from mobigo.web.words import read_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

HOME = "/staff/school"
YEAR = f"{HOME}/years/2026-2027"


@pytest.fixture(scope="module")
def office(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with new_database(test_cluster) as url:
        load_osm(write_osm(folder, STREETS), url, now=datetime(2026, 9, 1, tzinfo=UTC))
        engine = open_engine(url)
        app = create_app(engine=engine, clock=Clock(), home=folder)
        with serve(app) as address, AppClient(base_url=address, timeout=120, follow_redirects=True) as http:
            yield Office(http, url, folder)
        engine.dispose()


class Office:
    """Staff at their pages, and the worker beside them."""

    def __init__(self, http: AppClient, url: str, folder: Path) -> None:
        self.http, self.url, self.folder = http, url, folder
        self.sign_in(Role.SCHOOL)

    def sign_in(self, role: Role, language: str = "fr") -> None:
        token = issue(read_key(self.folder), "anne", role, datetime.now(UTC), timedelta(hours=1))
        self.http.cookies.clear()
        self.http.cookies.set("mobigo_token", token)
        self.http.headers["Accept-Language"] = language

    def get(self, path: str, expected: int = 200) -> str:
        return check(self.http.get(path), expected)

    def post(self, path: str, expected: int = 200, **fields: Any) -> str:  # noqa: ANN401
        return check(self.http.post(path, data=fields), expected)

    def send(self, name: str, expected: int = 200) -> str:
        return check(self.http.post(f"{YEAR}/import", files={"file": (name, LISTS[name].encode())}), expected)

    def make(self, name: str) -> str:
        answer = self.http.post(f"{YEAR}/scenarios", data={"name": name})
        assert answer.status_code == 200, answer.text
        return answer.url.path

    def plan(self, scenario: str) -> str:
        self.post(f"{scenario}/plan", minutes=1)
        conninfo = libpq_conninfo(self.url)
        with psycopg.connect(conninfo, autocommit=True) as connection:  # a minute is more than a test has
            (plan,) = connection.execute(
                "UPDATE school_plan SET effort = effort || '{\"work\": 2}' WHERE state = 'waiting' RETURNING id"
            ).fetchall()
        run_plan(
            lambda: psycopg.connect(conninfo, autocommit=True), plan[0], self.folder / "school-roads", Clock(),
            say=lambda _: None,
        )  # fmt: skip
        return self.get(scenario)


def check(answer: httpx.Response, expected: int) -> str:
    assert answer.status_code == expected, answer.text
    return answer.text


@pytest.fixture(scope="module")
def filled(office: Office) -> Office:
    """A year with its lists."""
    office.post(f"{HOME}/years", year="2026-2027")
    for name in LISTS:
        office.send(name)
    return office


def test_who_has_not_signed_in_is_sent_to_do_so_and_other_staff_stay_out(office: Office) -> None:
    office.http.cookies.clear()
    answer = office.http.get(HOME, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=/staff/school")
    office.sign_in(Role.DESK)
    office.get(HOME, 403)
    office.sign_in(Role.SCHOOL)


def test_what_another_site_sends_is_refused(office: Office) -> None:
    answer = office.http.post(
        f"{HOME}/years", data={"year": "2030-2031"}, headers={"Origin": "https://elsewhere.example"}
    )
    assert answer.status_code == 403


def test_a_year_is_begun_filled_and_shown_in_both_languages(filled: Office) -> None:
    text = filled.get(YEAR)
    assert "<strong>24</strong> élèves" in text
    assert "Véhicule sans coût (1)" in text
    filled.sign_in(Role.SCHOOL, "en")
    assert "<strong>24</strong> pupils" in filled.get(YEAR)
    filled.sign_in(Role.SCHOOL)


def test_a_file_with_faults_is_refused_with_row_column_and_remedy(filled: Office) -> None:
    file = ("bells.csv", b"UAI;Trajet;Jours;Heure\nE1;matin;lun;huit heures\n")
    text = check(filled.http.post(f"{YEAR}/import", files={"file": file}), 409)
    assert "ligne 2" in text
    assert "Heure" in text
    assert "’est pas une heure ; écrivez-la comme 08:05 ou 8h05" in text  # noqa: RUF001  as it is printed
    assert "rien n’a été importé" in text  # noqa: RUF001  likewise


def test_a_scenario_is_changed_planned_tried_approved_published_and_withdrawn(filled: Office) -> None:
    scenario = filled.make("Rentrée")
    text = filled.plan(scenario)
    assert "Tous les élèves sont transportés" in text
    plan = re.search(r"plans/(\d+)/plan.xlsx", text)
    assert plan is not None
    told = filled.http.get(f"{HOME}/plans/{plan[1]}/progress").json()
    assert told["state"] == "done"
    assert all(one["vehicles"] >= one["bound"] > 0 for one in told["sessions"])
    drawn = filled.http.get(f"{HOME}/plans/{plan[1]}/map.json").json()
    assert {one["id"] for one in drawn["stops"]} == {"S1", "S2", "S3", "S4"}
    assert all(len(run["line"]) > 1 for session in drawn["sessions"] for run in session["runs"])
    text = filled.post(f"{scenario}/changes", kind="stop", stop="S1", open="no", act="try")
    assert "Arrêt fermé" in text
    assert "Aucune : l’année telle qu’elle est" in text  # noqa: RUF001  as it is printed
    text = filled.post(f"{scenario}/changes", kind="stop", stop="S1", lat="47,0001", lon="5,0719", act="try")
    assert "Rien ne casse" in text
    assert "Garder ainsi" in text
    tried = filled.http.post(
        f"{HOME}/plans/{plan[1]}/check",
        json={"changes": [{"kind": "stop", "stop": "S1", "lat": 10.0, "lon": 10.0}]},
    )
    assert [one["kind"] for one in tried.json()["breaks"]] == ["unreached"] * len(tried.json()["breaks"])
    assert filled.http.post(f"{HOME}/plans/{plan[1]}/check", json={"changes": 3}).status_code == 400
    text = filled.post(f"{scenario}/changes", kind="bell", school="E2", trip="morning", at="08:05", act="add")
    assert "École : matin à 08:05" in text
    assert "d’une version antérieure" in text  # noqa: RUF001  as it is printed
    assert "revision 1" in filled.post(f"{scenario}/approve", 409)
    filled.post(f"{scenario}/take-back", revision=1)
    filled.plan(scenario)
    text = filled.post(f"{scenario}/changes", kind="bell", school="E2", trip="morning", at="08:50", act="adopt")
    assert "plan gardé tel que modifié" in text
    filled.post(f"{scenario}/approve")
    assert "publié" in filled.post(f"{scenario}/publish")
    assert "Rentrée" in filled.get(HOME)
    assert re.search(r"\d,\d\u00a0%", filled.get(YEAR))
    text = filled.get(YEAR)
    assert "Aujourd’hui" in text  # noqa: RUF001  as it is printed
    assert "Arrêts fermés" in text
    bell = {"rows": [{"school": "E2", "trip": "morning", "weekdays": ["wednesday"], "at": "08:55", "riders": "all"}]}
    lists = "/v1/school/years/2026-2027/lists/bells"
    staff = {"Authorization": f"Bearer {filled.http.cookies['mobigo_token']}"}
    filled.http.put(lists, json=bell, headers=staff).raise_for_status()
    assert "les horaires de 1 établissements ont été modifiés depuis la publication" in filled.get(scenario)
    filled.http.post(f"{lists}/remove", json=bell, headers=staff).raise_for_status()
    assert "ont été modifiés depuis" not in filled.get(scenario)
    assert "retiré" in filled.post(f"{scenario}/withdraw")


def test_a_vehicle_and_limits_of_all_runs_are_changed_on_the_page(filled: Office) -> None:
    scenario = filled.make("Autres véhicules")
    text = filled.post(
        f"{scenario}/changes", kind="vehicle", vehicle="V1", in_use="yes", seats="9", day_cents="120,50", act="add"
    )
    assert "Véhicule V1 : 9 places, 120,50\u202f€ par jour" in text.replace("\u00a0€", "\u202f€")
    assert "véhicule" in filled.post(f"{scenario}/changes", 409, kind="vehicle", vehicle="V1", in_use="no").lower()
    assert "is no number" in filled.post(f"{scenario}/changes", 409, kind="vehicle", vehicle="V1", km_cents="cher")
    text = filled.post(f"{scenario}/changes", kind="limits", shift="10", mixed="20", amplitude="11", act="add")
    assert "horaires décalés de 10 min au plus, chargement mixte, 20 min d’attente au plus" in text  # noqa: RUF001


def test_a_change_that_cannot_be_read_is_said_and_nothing_changes(filled: Office) -> None:
    scenario = filled.make("Illisible")
    assert "at:" in filled.post(f"{scenario}/changes", 409, kind="bell", school="E1", trip="morning", at="25:00")
    assert "unknown" in filled.post(f"{scenario}/changes", 409, kind="stop", stop="<b>", open="no").replace(
        "does not have", "unknown"
    )
    assert "<b>" not in filled.get(scenario)
    filled.post(f"{scenario}/changes/remove", 409, number=1, revision=1)


def test_a_pupil_is_sent_to_a_stop_by_number_and_shown_by_key(filled: Office) -> None:
    scenario = filled.make("Élève")
    text = filled.post(f"{scenario}/changes", kind="pupil", pupil="001", home=1, stop="S1", act="add")
    assert re.search(r"Élève [a-z0-9]{8,} à l’arrêt Place S1", text)  # noqa: RUF001  as it is printed


def test_sheets_are_printed_and_names_only_for_those_who_work_with_pupils(filled: Office) -> None:
    assert filled.http.get(f"{YEAR}/sheet.pdf?circuit=C1").content.startswith(b"%PDF-")
    assert filled.http.get(f"{YEAR}/list.pdf?school=E1").content.startswith(b"%PDF-")
    filled.get(f"{YEAR}/sheet.pdf?circuit=X", 404)
    filled.sign_in(Role.AUDITOR)
    filled.get(YEAR)
    filled.get(f"{YEAR}/list.pdf?school=E1", 403)
    filled.post(f"{YEAR}/scenarios", 403, name="Auditeur")
    filled.sign_in(Role.SCHOOL)


def test_a_request_of_a_family_is_granted_and_its_effect_said(filled: Office) -> None:
    file = ("requests.csv", "élève;reçue le;demande\n002;2026-10-01;désinscription\n".encode())
    check(filled.http.post(f"{YEAR}/import", files={"file": file}), 200)
    text = filled.get(YEAR)
    pupil = re.search(r'name="pupil" value="([a-z0-9]+)"', text)
    assert pupil is not None
    asked = {"pupil": pupil[1], "kind": "cancel", "received": "2026-10-01", "grant": "yes"}
    assert "La demande est accordée." in filled.post(f"{YEAR}/requests", **asked)
    assert "Aucune demande en attente." in filled.get(YEAR)
    filled.post(f"{YEAR}/requests", 409, **asked)


def test_a_request_is_taken_down_by_the_number_staff_know_and_granted(filled: Office) -> None:
    form = {"pupil": "003", "kind": "change", "received": "2026-10-02"}
    text = filled.post(f"{YEAR}/requests/new", 409, **form)
    assert "which school" in text
    text = filled.post(f"{YEAR}/requests/new", **form, school="E1", stop="S1")
    assert re.search(r"[a-z0-9]{12} · changement d’établissement → E1<", text)  # noqa: RUF001  as it is printed
    pupil = re.search(r'name="pupil" value="([a-z0-9]+)"', text)
    assert pupil is not None
    text = filled.post(f"{YEAR}/requests", **form | {"pupil": pupil[1]}, grant="yes")
    assert f"l’élève {pupil[1]} va désormais à l’établissement E1" in text  # noqa: RUF001  likewise
    assert "La date" in filled.post(f"{YEAR}/requests/new", 409, **form | {"received": "hier"})
    filled.post(f"{YEAR}/requests/new", 409, **form | {"kind": "wish"})
    filled.sign_in(Role.AUDITOR)
    filled.post(f"{YEAR}/requests/new", 403, **form)
    filled.sign_in(Role.SCHOOL)


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [(-16_449, "-164,49\u00a0€", "-€164.49"), (-5, "-0,05\u00a0€", "-€0.05"), (16_449, "164,49\u00a0€", "€164.49")],
)
def test_what_is_spared_is_written_to_the_cent(cents: int, french: str, english: str) -> None:
    assert [price_in(read_words(language))(cents) for language in ("fr", "en")] == [french, english]


def test_two_scenarios_are_compared(filled: Office) -> None:
    before, after = filled.make("Avant"), filled.make("Après")
    filled.plan(before)
    filled.post(f"{after}/changes", kind="bell", school="E2", trip="morning", at="08:05", act="add")
    filled.plan(after)
    ends = [one.rpartition("/")[2] for one in (before, after)]
    text = filled.get(f"{HOME}/comparison?before={ends[0]}&after={ends[1]}")
    assert "changent d’heure" in text  # noqa: RUF001  as it is printed
    assert "Avant → Après" in text
    drawn = filled.http.get(f"{HOME}/comparison.json?before={ends[0]}&after={ends[1]}").json()
    assert {one["id"] for one in drawn["schools"]} == {"E1", "E2"}
    filled.get(f"{HOME}/comparison?before={ends[0]}&after=0", 422)
    filled.get(f"{HOME}/comparison?before={ends[0]}&after={'0' * 16}", 404)


def test_who_signs_in_finds_the_pages_of_their_role(filled: Office) -> None:
    assert 'href="/staff/school"' in filled.get("/sign-in")
    filled.sign_in(Role.DESK)
    assert 'href="/staff/school"' not in filled.get("/sign-in")
    filled.sign_in(Role.SCHOOL)


def test_no_home_is_on_the_map_or_in_the_lists_of_stops(filled: Office) -> None:
    rows = b"Num\xc3\xa9ro;UAI;Niveau;lat;lon;besoins\n900;E1;6e;47.0123;5.0123;domicile\n"
    answer = filled.http.post(f"{YEAR}/import", files={"file": ("pupils.csv", rows)})
    assert answer.status_code == 200, answer.text
    scenario = filled.make("Porte")
    text = filled.plan(scenario)
    plan = re.search(r"plans/(\d+)/plan.xlsx", text)
    assert plan is not None
    drawn = filled.http.get(f"{HOME}/plans/{plan[1]}/map.json").text
    for shown in (text, drawn):
        assert "47.0123" not in shown
        assert "5.0123" not in shown
    assert "door-" not in drawn


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{HOME}/years/%00", 422),
        (f"{HOME}/years/1999-2000", 404),
        (f"{HOME}/scenarios/xyz", 422),
        (f"{HOME}/scenarios/0123456789abcdef", 404),
        (f"{HOME}/plans/99999999999999999999/progress", 422),
        (f"{HOME}/comparison?before=%00&after=", 422),
        (f"{YEAR}/sheet.pdf?circuit=%00", 404),
    ],
)
def test_what_does_not_exist_is_said_and_nothing_breaks(filled: Office, path: str, status: int) -> None:
    filled.get(path, status)
