"""Scenarios over HTTP on real streets: changed, planned, compared, approved, published, withdrawn."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import AppClient, new_database, serve
from tests.street_text import lonlat, write_osm

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.jobs.worker import Worker
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.school.scenario_store import forget_pupil
from mobigo.school.scenarios import run_plan
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

YEAR = "/v1/school/years/2026-2027"
ALL = "lun mar mer jeu ven"

STREETS = """
a 0 0
b 3000 0
c 6000 0
d 3000 4000
e 0 4000
1: a b  highway=tertiary maxspeed=50
2: b c  highway=tertiary maxspeed=50
3: b d  highway=tertiary maxspeed=50
4: d e  highway=tertiary maxspeed=50
5: e a  highway=tertiary maxspeed=50
"""


def place(x: float, y: float) -> str:
    lon, lat = lonlat(x, y)
    return f"{lat:.6f};{lon:.6f}"


STOPS = {"S1": (5_500, 0), "S2": (3_000, 2_000), "S3": (2_000, 4_000), "S4": (1_000, 4_000)}
LISTS = {
    "schools.csv": f"UAI;Nom;Niveau;lat;lon\nE1;Collège;collège;{place(100, 0)}\nE2;École;primaire;{place(0, 200)}\n",
    "bells.csv": (
        f"UAI;Trajet;Jours;Heure\nE1;matin;{ALL};8h00\nE1;soir;{ALL};17h00\nE2;matin;{ALL};8h45\nE2;soir;{ALL};16h15\n"
    ),
    "stops.csv": "arrêt;nom;lat;lon\n" + "".join(f"{key};Place {key};{place(*at)}\n" for key, at in STOPS.items()),
    "operators.csv": "transporteur;nom\nT1;Cars\n",
    "vehicles.csv": "véhicule;transporteur;type;places\nV1;T1;autocar;20\n",
    "circuits.csv": "circuit;nom;véhicule\nC1;Est;V1\n",
    "runs.csv": f"course;circuit;sens;jours\nC1-M;C1;matin;{ALL}\n",
    "calls.csv": "course;rang;heure;arrêt;UAI\nC1-M;1;7h30;S1;\nC1-M;2;7h55;;E1\n",
    "pupils.csv": "Numéro;Nom;UAI;Niveau;lat;lon;courriel\n"
    + "".join(
        f"{n:03};Nom{n};{'E1;6e' if n % 3 else 'E2;primaire'};{place(x + 30 * (n % 5), y + 20)};"
        f"{dict(enumerate(['a@exemple.fr', 'b@exemple.fr'])).get(n, '')}\n"
        for n, (x, y) in enumerate([*STOPS.values()] * 6)
    ),
}


@pytest.fixture(scope="module")
def school(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("scenarios")
    with new_database(test_cluster) as url:
        load_osm(write_osm(folder, STREETS), url, now=datetime(2026, 9, 1, tzinfo=UTC))
        engine = open_engine(url)
        app = create_app(engine=engine, clock=Clock(), home=folder)
        token = issue(read_key(folder), "anne", Role.SCHOOL, datetime.now(UTC), timedelta(hours=1))
        with (
            serve(app) as address,
            AppClient(base_url=address, timeout=120, headers={"Authorization": f"Bearer {token}"}) as http,
        ):
            for name, text in LISTS.items():
                answer = http.post(f"{YEAR}/import", files={"file": (name, text.encode())})
                assert answer.status_code == 200, answer.text
            yield School(http, url, folder)
        engine.dispose()


class School:
    """Staff at work, and the worker beside them."""

    def __init__(self, http: AppClient, url: str, folder: Path) -> None:
        self.http, self.url, self.folder = http, url, folder

    def make(self, name: str, changes: list[dict[str, Any]] | None = None, **body: Any) -> str:  # noqa: ANN401
        made = self.http.post(f"{YEAR}/scenarios", json={"name": name, **body})
        assert made.status_code == 201, made.text
        id_ = str(made.json()["id"])
        if changes is not None:
            put = self.http.put(f"/v1/school/scenarios/{id_}/changes", json={"changes": changes, "revision": 1})
            assert put.status_code == 200, put.text
        return id_

    def plan(self, scenario: str) -> dict[str, Any]:
        asked = self.http.post(f"/v1/school/scenarios/{scenario}/plans", json={"work": 2})
        assert asked.status_code == 202, asked.text
        self.work()
        return dict(self.http.get(f"/v1/school/plans/{asked.json()['id']}/document").json())

    def work(self) -> None:
        def task(plan: int) -> None:
            conninfo = libpq_conninfo(self.url)
            run_plan(
                lambda: psycopg.connect(conninfo, autocommit=True), plan, self.folder / "roads", Clock(),
                say=lambda _: None,
            )  # fmt: skip

        Worker(libpq_conninfo(self.url), {"school.plan": task}, clock=Clock()).run_waiting()

    def decide(self, scenario: str, step: str, expected: int = 200, **query: object) -> dict[str, Any]:
        answer = self.http.post(f"/v1/school/scenarios/{scenario}/{step}", params=query)  # type: ignore[arg-type]
        assert answer.status_code == expected, answer.text
        return dict(answer.json())

    def rows(self, name: str) -> list[dict[str, Any]]:
        return list(self.http.get(f"{YEAR}/{name}", params={"limit": 5000}).json()["rows"])


def test_a_scenario_from_change_to_publication_and_back(school: School) -> None:
    today = school.make("Comme aujourd'hui")
    plan = school.plan(today)
    assert plan["state"] == "done"
    assert plan["document"]["troubles"] == []
    assert plan["figures"]["pupils"] == 24
    assert set(plan["progress"]) == {one["name"] for one in plan["document"]["sessions"]}
    earlier = school.make("École plus tôt", [{"kind": "bell", "school": "E2", "trip": "morning", "at": "08:05"}])
    school.plan(earlier)
    found = school.http.get("/v1/school/comparison", params={"before": today, "after": earlier}).json()
    assert found["figures"]["vehicles"]["after"] >= found["figures"]["vehicles"]["before"]
    assert any(one["kind"] == "time" for one in found["moved"])
    before = {name: school.rows(name) for name in ("circuits", "runs", "calls", "seats", "bells", "stops")}
    assert school.decide(earlier, "publish", 409)["code"] == "not_approved"
    school.decide(earlier, "approve")
    published = school.decide(earlier, "publish", tell=True)
    assert (published["state"], published["told"]) == ("published", 2)
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        said = connection.execute(
            "SELECT recipient, body FROM message WHERE template = 'school_changed' ORDER BY recipient"
        ).fetchall()
    assert [one[0] for one in said] == ["a@exemple.fr", "b@exemple.fr"]
    assert "Soir (" in said[0][1]
    assert "arrêt Place S" in said[0][1]
    runs = {row["id"] for row in school.rows("runs")}
    assert "C1-M" not in runs
    assert runs == {run["id"] for session in school.http.get(
        f"/v1/school/plans/{school.http.get(f'/v1/school/scenarios/{earlier}').json()['plan']}/document"
    ).json()["document"]["sessions"] for run in session["runs"]}  # fmt: skip
    seated = {(row["pupil"], row["run"]) for row in school.rows("seats")}
    assert len(seated) == 48
    assert "08:05" in {row["at"] for row in school.rows("bells")}
    school.decide(today, "approve")
    assert school.decide(today, "publish", 409)["code"] == "other_published"
    assert school.decide(earlier, "withdraw")["state"] == "withdrawn"
    assert {name: school.rows(name) for name in before} == before
    history = school.http.get(f"/v1/school/scenarios/{earlier}").json()["history"]
    assert [one["what"] for one in history] == [
        "made", "changed", "plan asked", "approved", "published", "withdrawn",
    ]  # fmt: skip
    assert {one["by"] for one in history} == {"anne"}


def test_what_is_changed_is_taken_back(school: School) -> None:
    limits = {"kind": "limits", "seats": 10}
    id_ = school.make("Petits cars", [limits])
    address = f"/v1/school/scenarios/{id_}"
    late = school.http.put(f"{address}/changes", json={"changes": [], "revision": 1})
    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    assert school.http.post(f"{address}/take-back", json={"revision": 1}).json()["revision"] == 3
    assert school.http.get(address).json()["changes"] == []
    assert school.http.post(f"{address}/take-back", json={"revision": 2}).json()["revision"] == 4
    assert school.http.get(address).json()["changes"] == [limits]
    copy = school.make("Copie", copy_of=id_)
    assert school.http.get(f"/v1/school/scenarios/{copy}").json()["changes"] == [limits]
    assert school.http.post(f"{address}/take-back", json={"revision": 9}).json()["code"] == "unknown_revision"


def test_a_plan_is_outdated_once_its_scenario_changes(school: School) -> None:
    id_ = school.make("Deux fois")
    school.plan(id_)
    body = {"changes": [{"kind": "stop", "stop": "S4", "open": False}]}
    school.http.put(f"/v1/school/scenarios/{id_}/changes", json=body).raise_for_status()
    assert school.decide(id_, "approve", 409)["code"] == "plan_outdated"
    document = school.plan(id_)["document"]
    assert "S4" not in set(document["stops"].values())
    assert school.decide(id_, "approve")["state"] == "approved"
    assert school.http.put(f"/v1/school/scenarios/{id_}/changes", json=body).json()["code"] == "not_a_draft"
    assert school.decide(id_, "reopen")["state"] == "draft"


def test_one_plan_at_a_time_and_the_best_so_far_is_taken(school: School) -> None:
    id_ = school.make("Patience")
    asked = school.http.post(f"/v1/school/scenarios/{id_}/plans", json={"seconds": 60})
    again = school.http.post(f"/v1/school/scenarios/{id_}/plans", json={"seconds": 60})
    assert (again.status_code, again.json()["code"]) == (409, "being_planned")
    plan = asked.json()["id"]
    assert school.http.get(f"/v1/school/plans/{plan}/document").json()["code"] == "not_planned"
    assert school.http.post(f"/v1/school/plans/{plan}/cancel").json()["cancelled"]
    school.work()
    assert school.http.get(f"/v1/school/plans/{plan}").json()["state"] == "done"
    assert school.http.post(f"/v1/school/plans/{plan}/cancel").json()["code"] == "already_planned"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ([{"kind": "bell", "school": "XX", "trip": "morning", "at": "08:05"}], 400, "unknown_in_change"),
        ([{"kind": "bell", "school": "E1", "trip": "morning", "at": "25:00"}], 422, "invalid_parameter"),
        ([{"kind": "door"}], 422, "invalid_parameter"),
        ([{"kind": "limits", "ride": {"college": 5}}], 422, "invalid_parameter"),
    ],
)
def test_bad_changes_change_nothing(school: School, changes: list[dict[str, Any]], status: int, code: str) -> None:
    name = f"Faux {code} {len(str(changes))}"
    id_ = school.make(name)
    answer = school.http.put(f"/v1/school/scenarios/{id_}/changes", json={"changes": changes})
    assert answer.status_code in {status, 400, 422}, answer.text
    assert school.http.get(f"/v1/school/scenarios/{id_}").json()["revision"] == 1


def test_an_erased_pupil_is_in_no_plan_and_no_change(school: School) -> None:
    keys = sorted({row["pupil"] for row in school.rows("seats")} or {row["key"] for row in school.rows("pupils")})
    gone, stays = keys[0], keys[1]
    id_ = school.make("Sans lui", [{"kind": "pupil", "pupil": one, "stop": "S1"} for one in (gone, stays)])
    before = school.plan(id_)["document"]
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        forget_pupil(connection, "2026-2027", gone)
    after = school.http.get(f"/v1/school/scenarios/{id_}").text
    plan = school.http.get(f"/v1/school/scenarios/{id_}").json()["plans"][0]["id"]
    after += school.http.get(f"/v1/school/plans/{plan}/document").text
    assert gone not in after
    assert after.count(stays) == str(before).count(stays) + 1


def test_scenarios_are_for_staff_of_schools(school: School) -> None:
    for role, status in ((Role.TRAVELLER, 403), (Role.CARPOOL, 403), (Role.ADMIN, 200)):
        token = issue(read_key(school.folder), "x", role, datetime.now(UTC), timedelta(hours=1))
        answer = school.http.get(f"{YEAR}/scenarios", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
    assert school.http.get("/v1/school/scenarios/0123456789abcdef").json()["code"] == "unknown_scenario"
    assert school.http.get("/v1/school/plans/999999").json()["code"] == "unknown_plan"
    assert school.http.post(f"{YEAR}/scenarios", json={"name": "Petits cars"}).json()["code"] == "name_taken"


def test_a_change_by_hand_is_checked_at_once(school: School) -> None:
    id_ = school.make("À la main")
    plan = school.plan(id_)
    document, address = plan["document"], f"/v1/school/plans/{plan['id']}/check"

    def check(*changes: dict[str, Any]) -> dict[str, Any]:
        answer = school.http.post(address, json={"changes": list(changes)})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert check() == {"runs": [], "breaks": [], "relinked": []}
    lon, lat = lonlat(3_000, 2_400)
    dragged = check({"kind": "stop", "stop": "S2", "lat": lat, "lon": lon})
    runs = {run["id"]: run for session in document["sessions"] for run in session["runs"]}
    assert {run["id"] for run in dragged["runs"]} == {
        id_ for id_, run in runs.items() if any(call["stop"] == "S2" for call in run["calls"])
    }
    assert dragged["runs"]
    for run in dragged["runs"]:
        assert [call["pupils"] for call in run["calls"]] == [call["pupils"] for call in runs[run["id"]]["calls"]]
        assert [call["at"] for call in run["calls"]] != [call["at"] for call in runs[run["id"]]["calls"]]
    few = check({"kind": "limits", "seats": 2}, {"kind": "stop", "stop": "S2", "lat": lat, "lon": lon})
    assert "seats" in {one["kind"] for one in few["breaks"]}
    short = check(
        {"kind": "limits", "ride": {"college": 60, "primary": 60}},
        {"kind": "stop", "stop": "S2", "lat": lat, "lon": lon},
    )
    assert any("minutes of at most 1" in one["text"] for one in short["breaks"] if one["kind"] == "ride")
    closed = check({"kind": "stop", "stop": "S1", "open": False})
    assert "stop Place S1 (S1) is closed" in closed["breaks"][0]["text"]
    pupil = document["sessions"][0]["runs"][0]["calls"][0]["pupils"][0].partition("/")[0]
    stop = next(stop for stop in STOPS if stop != document["stops"][f"{pupil}/1"])
    sent = check({"kind": "pupil", "pupil": pupil, "stop": stop})
    halts = {call["stop"] for run in sent["runs"] for call in run["calls"] if f"{pupil}/1" in call["pupils"]}
    assert halts <= {stop}
    assert halts or {one["kind"] for one in sent["breaks"]} == {"no_run"}
    together = check({"kind": "bell", "school": "E2", "trip": "morning", "at": "08:00"})
    assert {run["school"] for run in together["runs"]} == {"E2"}
    assert all(run["bell"] == 8 * 3600 for run in together["runs"])
    far = check({"kind": "stop", "stop": "S1", "lat": 10.0, "lon": 10.0})
    assert {one["kind"] for one in far["breaks"]} == {"unreached"}


def test_a_change_that_holds_is_kept_without_planning_and_one_that_breaks_is_not(school: School) -> None:
    id_ = school.make("Gardé")
    plan = school.plan(id_)
    address = f"/v1/school/plans/{plan['id']}/keep"
    lon, lat = lonlat(3_000, 2_100)
    broken = school.http.post(address, json={"changes": [{"kind": "stop", "stop": "S2", "open": False}]})
    assert (broken.status_code, broken.json()["code"]) == (409, "plan_breaks")
    assert {one["kind"] for one in broken.json()["breaks"]} == {"stop_closed"}
    dragged = {"kind": "stop", "stop": "S2", "lat": lat, "lon": lon}
    later = {"kind": "bell", "school": "E2", "trip": "morning", "at": "08:50"}
    kept = school.http.post(address, json={"changes": [dragged, later]})
    assert kept.status_code == 201, kept.text
    found = school.http.get(f"/v1/school/plans/{kept.json()['id']}/document").json()
    assert (found["state"], found["revision"]) == ("done", 2)
    was = {run["id"]: run for session in plan["document"]["sessions"] for run in session["runs"]}
    now = {run["id"]: run for session in found["document"]["sessions"] for run in session["runs"]}
    assert set(was) == set(now)
    moved = {id_ for id_, run in was.items() if any(call["stop"] == "S2" for call in run["calls"])}
    assert all(abs(now[one]["metres"] - was[one]["metres"]) <= 250 for one in moved)
    assert any(now[one]["calls"] != was[one]["calls"] for one in moved)
    assert all(
        now[one]["bell"] == 8 * 3600 + 50 * 60
        for one in now
        if (now[one]["school"], now[one]["trip"]) == ("E2", "morning")
    )
    for session in found["document"]["sessions"]:
        mine = sorted(session["runs"], key=lambda run: (run["vehicle"], run["at"]))
        for first, second in pairwise(mine):
            if session["way"] == "morning" and first["vehicle"] == second["vehicle"]:
                assert first["bell"] <= second["calls"][0]["at"]
    assert found["figures"]["pupils"] == plan["figures"]["pupils"]
    late = school.http.post(address, json={"changes": []})
    assert (late.status_code, late.json()["code"]) == (409, "plan_outdated")
    assert school.decide(id_, "approve")["plan"] == kept.json()["id"]
    assert school.decide(id_, "publish")["state"] == "published"
    assert any(abs(row["lat"] - lat) < 1e-9 for row in school.rows("stops"))
    school.decide(id_, "withdraw")


def test_a_bell_that_a_plan_moved_is_checked_and_published_with_it(school: School) -> None:
    id_ = school.make("Sonneries")
    plan = school.plan(id_)
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        (document,) = connection.execute("SELECT document FROM school_plan WHERE id = %s", [plan["id"]]).fetchone() or (
            {},
        )
        for session in document["sessions"]:
            if session["way"] != "morning":
                continue
            days = session["weekdays"]
            moved = {"school": "E2", "trip": "morning", "riders": "all", "weekdays": days, "was": 31_500, "at": 31_800}
            session["bells"] = [{**moved, "text": "", "text_fr": ""}]
            for run in session["runs"]:
                if run["school"] == "E2":
                    run["bell"], run["at"] = run["bell"] + 300, run["at"] + 300
                    run["calls"] = [{**call, "at": call["at"] + 300} for call in run["calls"]]
        connection.execute("UPDATE school_plan SET document = %s WHERE id = %s", [Jsonb(document), plan["id"]])
    check = f"/v1/school/plans/{plan['id']}/check"
    assert school.http.post(check, json={"changes": []}).json()["runs"] == []
    back = {"kind": "bell", "school": "E2", "trip": "morning", "at": "08:45"}
    assert {run["bell"] for run in school.http.post(check, json={"changes": [back]}).json()["runs"]} == {31_500}
    before = school.rows("bells")
    school.decide(id_, "approve")
    school.decide(id_, "publish")
    assert {row["at"] for row in school.rows("bells") if (row["school"], row["trip"]) == ("E2", "morning")} == {"08:50"}
    school.decide(id_, "withdraw")
    assert school.rows("bells") == before


def test_a_vehicle_is_otherwise_and_circuits_get_vehicles_of_the_register(school: School) -> None:
    more = "véhicule;transporteur;type;places;lot;coût par jour\nV2;T1;autocar;20;L1;150\nV3;T1;autocar;20;L1;150\n"
    school.http.post(f"{YEAR}/import", files={"file": ("lots.csv", b"lot;nom\nL1;Auxois\n")}).raise_for_status()
    school.http.post(f"{YEAR}/import", files={"file": ("vehicles.csv", more.encode())}).raise_for_status()
    small = [{"kind": "vehicle", "vehicle": one, "seats": 6, "day_cents": 9_000} for one in ("V1", "V2")]
    id_ = school.make("Deux cars de six", [*small, {"kind": "vehicle", "vehicle": "V3", "in_use": False}])
    unknown = {"changes": [{"kind": "vehicle", "vehicle": "V9", "seats": 6}]}
    answer = school.http.put(f"/v1/school/scenarios/{id_}/changes", json=unknown)
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_in_change")
    last = {"changes": [{"kind": "vehicle", "vehicle": f"V{n}", "in_use": False} for n in (1, 2, 3)]}
    answer = school.http.put(f"/v1/school/scenarios/{id_}/changes", json=last)
    assert "takes the last vehicle, 'V3', out of use" in answer.json()["detail"]
    plan = school.plan(id_)
    assert [(one["seats"], one["day_cents"]) for one in plan["document"]["fleet"]] == [(6, 9_000)]
    runs = [run for session in plan["document"]["sessions"] for run in session["runs"]]
    assert max(sum(len(call["pupils"]) for call in run["calls"]) for run in runs) <= 6
    assert plan["figures"]["vehicles"] > 2
    by_hand = {"changes": [{"kind": "vehicle", "vehicle": "V1", "seats": 9}]}
    assert school.http.post(f"/v1/school/plans/{plan['id']}/keep", json=by_hand).json()["code"] == "plan_outdated"
    before = {name: school.rows(name) for name in ("vehicles", "circuits")}
    school.decide(id_, "approve")
    school.decide(id_, "publish")
    vehicles = {row["id"]: row for row in school.rows("vehicles")}
    assert {one: vehicles[one]["seats"] for one in vehicles} == {"V1": 6, "V2": 6, "V3": 20}
    given = [row["vehicle"] for row in school.rows("circuits") if row["vehicle"]]
    assert sorted(given) == ["V1", "V2"]  # the third is not in use, and there are no more
    assert {row["lot"] for row in school.rows("circuits") if row["vehicle"] == "V2"} == {"L1"}
    late = "arrêt;nom;lat;lon\nTARD;Nouvel arrêt;" + place(2_500, 3_000) + "\n"
    school.http.post(f"{YEAR}/import", files={"file": ("stops.csv", late.encode())}).raise_for_status()
    school.decide(id_, "withdraw")
    assert {name: school.rows(name) for name in before} == before
    assert "TARD" in {row["id"] for row in school.rows("stops")}


def put_seats(school: School, rows: list[dict[str, Any]], step: str = "") -> None:
    keys = {row["key"] for row in rows}
    body = {
        "rows": [{"pupil": row["key"], "run": "C1-M", "home": 1} | ({} if step else {"stop": "S1"}) for row in rows]
    }
    answer = school.http.request("POST" if step else "PUT", f"{YEAR}/lists/seats{step}", json=body)
    assert answer.status_code == 200, (answer.text, keys)


def test_a_circuit_that_a_scenario_locks_stays_with_its_pupils_when_it_is_published(school: School) -> None:
    near = [row for row in school.rows("pupils") if row["school"] == "E1"][:3]
    put_seats(school, near)
    before = {name: school.rows(name) for name in ("circuits", "runs", "calls", "seats")}
    id_ = school.make("Circuit figé", [{"kind": "lock", "circuit": "C1"}])
    plan = school.plan(id_)
    morning = next(one for one in plan["document"]["sessions"] if one["way"] == "morning")
    keys = {row["key"] for row in near}
    riding = {pupil[:12] for run in morning["runs"] for call in run["calls"] for pupil in call["pupils"]}
    assert not keys & riding
    assert {one for run in morning["kept"] for call in run["calls"] for one in call["pupils"]} == {
        f"{k}/1" for k in keys
    }
    lon, lat = lonlat(5_400, 0)
    for tried, kinds in (
        ({"kind": "pupil", "pupil": near[0]["key"], "stop": "S2"}, "locked"),
        ({"kind": "stop", "stop": "S1", "lat": lat, "lon": lon}, "locked"),
        ({"kind": "bell", "school": "E1", "trip": "morning", "at": "08:20"}, "locked"),
        ({"kind": "lock", "circuit": "C1", "locked": False}, "lock"),
    ):
        answer = school.http.post(f"/v1/school/plans/{plan['id']}/check", json={"changes": [tried]}).json()
        assert kinds in {one["kind"] for one in answer["breaks"]}, (tried, answer["breaks"])
        assert school.http.post(f"/v1/school/plans/{plan['id']}/keep", json={"changes": [tried]}).status_code == 409
    school.decide(id_, "approve")
    school.decide(id_, "publish")
    assert next(row for row in school.rows("circuits") if row["id"] == "C1")["locked"]
    content = school.http.get("/v1/school/open-data/2026-2027/gtfs.zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        shapes = archive.read("shapes.txt").decode().splitlines()
    assert {line.partition(",")[0] for line in shapes[1:]} == {row["id"] for row in school.rows("runs")}
    seats = school.rows("seats")
    assert {row["pupil"] for row in seats if row["run"] == "C1-M"} == keys
    # a seat on the way there and one on the way home, for everybody
    assert {sum(row["pupil"] == key["key"] for row in seats) for key in school.rows("pupils")} == {2}
    school.decide(id_, "withdraw")
    assert {name: school.rows(name) for name in before} == before
    put_seats(school, near, "/remove")


def test_what_staff_changed_after_publishing_stays_when_it_is_withdrawn(school: School) -> None:
    first, second = [row for row in school.rows("pupils") if row["school"] == "E1"][:2]
    put_seats(school, [first, second])
    lon, lat = lonlat(3_000, 2_050)
    moves = [{"kind": "stop", "stop": one, "lat": lat + n / 1e4, "lon": lon} for n, one in enumerate(("S2", "S3"))]
    id_ = school.make("Puis autrement", [*moves, {"kind": "bell", "school": "E2", "trip": "morning", "at": "08:05"}])
    school.plan(id_)
    former = {row["id"]: row for row in school.rows("stops")}
    school.decide(id_, "approve")
    school.decide(id_, "publish")
    address = f"/v1/school/scenarios/{id_}"
    assert school.http.get(f"{address}/withdrawal").json() == {
        "kept": {"bells": [], "stops": [], "vehicles": []}, "lost": 0, "unseated": 0, "sentences": [],
    }  # fmt: skip
    rows = [
        {"id": "S2", "name": "Place du Marché", "lat": lat, "lon": lon},  # moved by the scenario, then renamed
        {"id": "S4", "name": "Gare", "lat": former["S4"]["lat"], "lon": former["S4"]["lon"]},
    ]
    school.http.put(f"{YEAR}/lists/stops", json={"rows": rows}).raise_for_status()
    bell = next(row for row in school.rows("bells") if (row["school"], row["trip"]) == ("E2", "morning"))
    gone = {name: bell[name] for name in ("school", "trip", "weekdays", "at", "riders")}
    school.http.post(f"{YEAR}/lists/bells/remove", json={"rows": [gone]}).raise_for_status()
    school.http.put(f"{YEAR}/lists/bells", json={"rows": [gone | {"at": "08:15"}]}).raise_for_status()
    asked = {"pupil": first["key"], "kind": "cancel", "received": "2026-11-20"}
    school.http.post(f"{YEAR}/requests", json=asked).raise_for_status()
    school.http.post(f"{YEAR}/requests/decide", json=asked | {"grant": True}).raise_for_status()
    told = school.http.get(f"{address}/withdrawal").json()
    assert (told["kept"], told["unseated"]) == ({"bells": ["E2"], "stops": ["S2"], "vehicles": []}, 1)
    assert "les horaires de 1 établissements" in told["sentences"][0]["text_fr"]
    school.decide(id_, "withdraw")
    stops = {row["id"]: row for row in school.rows("stops")}
    assert (stops["S2"]["name"], stops["S2"]["lat"]) == ("Place du Marché", lat)
    assert stops["S3"] == former["S3"]
    assert stops["S4"]["name"] == "Gare"
    assert {row["at"] for row in school.rows("bells") if (row["school"], row["trip"]) == ("E2", "morning")} == {"08:15"}
    assert [(row["pupil"], row["run"]) for row in school.rows("seats")] == [(second["key"], "C1-M")]
    assert school.http.get(f"{address}/withdrawal").json()["code"] == "not_published"
    put_seats(school, [second], "/remove")


def test_each_parent_is_told_of_their_days_each_time_and_who_wants_none_is_not(school: School) -> None:
    rows = (
        "Numéro;UAI;Niveau;Prénom;Jours;Jours domicile 2;lat domicile 2;lon domicile 2;Courriel domicile 2;Messages\n"
        f"000;E2;primaire;Léa;lun mar;jeu ven;{place(1_030, 4_020)};p@exemple.fr;oui\n001;E1;6e;Max;tous;;;;;non\n"
    )
    school.http.post(f"{YEAR}/import", files={"file": ("pupils.csv", rows.encode())}).raise_for_status()
    id_ = school.make("Dire")
    school.plan(id_)

    def tell(step: str) -> list[tuple[str, str]]:
        with psycopg.connect(libpq_conninfo(school.url)) as connection:
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone() or (0,)
            assert school.decide(id_, step, tell=True)["told"] == 1
            return connection.execute(
                "SELECT recipient, body FROM message WHERE id > %s ORDER BY recipient", [last]
            ).fetchall()

    school.decide(id_, "approve")
    (mine, mine_said), (theirs, theirs_said) = tell("publish")
    assert (mine, theirs) == ("a@exemple.fr", "p@exemple.fr")
    assert "de Léa changent" in mine_said
    assert "Matin (lun. mar.) :" in mine_said
    assert "jeu." not in mine_said
    assert "Matin (jeu. ven.) :" in theirs_said
    assert "lun." not in theirs_said
    assert [one[0] for one in tell("withdraw")] == ["a@exemple.fr", "p@exemple.fr"]
    school.decide(id_, "reopen")
    school.decide(id_, "approve")
    assert [one[0] for one in tell("publish")] == ["a@exemple.fr", "p@exemple.fr"]
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        (key,) = connection.execute("SELECT pupil FROM school_person WHERE number = '000'").fetchone() or ("",)
    everything = school.http.get(f"{YEAR}/pupils/{key}").json()
    assert {one["recipient"] for one in everything["told"]} == {"a@exemple.fr", "p@exemple.fr"}
    assert {(one["scenario"], one["home"]) for one in everything["plans"]} >= {("Dire", 1), ("Dire", 2)}
    assert everything["accesses"][0]["what"] == "looked up"
    assert everything["second_email"] == "p@exemple.fr"
    assert school.http.delete(f"{YEAR}/pupils/{key}").status_code == 204
    with psycopg.connect(libpq_conninfo(school.url)) as connection:
        said = connection.execute("SELECT recipient, body FROM message WHERE about = %s", [f"school:{key}"]).fetchall()
    assert set(said) == {(None, None)}
    school.decide(id_, "withdraw")
