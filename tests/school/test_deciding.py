"""Families' requests and the change of the year, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

YEAR = "/v1/school/years/2026-2027"
LISTS = (
    "UAI;Nom;Niveau\nE1;Collège;collège\nE2;Autre;collège\n",
    "arrêt;nom;lat;lon\nA1;Mairie;47.4;4.3\nA2;Gare;47.4;4.3\nA3;Loin;47.4;4.3\n",
    "circuit;nom\nC;Circuit\n",
    "course;circuit;sens;jours\nM;C;matin;lun\nS;C;soir;lun\n",
    "course;rang;heure;arrêt;UAI\nM;1;7h30;A1;\nM;2;7h40;A2;\nM;3;7h50;;E1\nS;1;17h00;;E1\nS;2;17h20;A1;\n",
    "Numéro;UAI;Niveau\n1;E1;6e\n2;E1;6e\n3;E1;6e\n",
    "élève;course;arrêt\n1;M;A1\n1;S;A1\n2;M;A1\n3;M;A1\n",
)


@pytest.fixture(scope="module")
def http(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("deciding")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        token = issue(read_key(folder), "claire", Role.SCHOOL, datetime.now(UTC), timedelta(hours=1))
        with (
            serve(create_app(engine=engine, clock=Clock(), home=folder)) as address,
            httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=120) as client,
        ):
            for text in LISTS:
                client.post(f"{YEAR}/import", files={"file": ("liste.csv", text)}).raise_for_status()
            yield client
        engine.dispose()


def seats(http: httpx.Client, pupil: str) -> dict[str, str]:
    rows = http.get(f"{YEAR}/seats").json()["rows"]
    return {row["run"]: row["stop"] for row in rows if row["pupil"] == pupil}


def pupils(http: httpx.Client) -> list[str]:
    """Keys of pupils 1, 2 and 3: by how many seats they have, then as they come."""
    rows = http.get(f"{YEAR}/seats").json()["rows"]
    return sorted({row["pupil"] for row in rows}, key=lambda key: (-sum(row["pupil"] == key for row in rows), key))


def ask(http: httpx.Client, pupil: str, kind: str, **more: str) -> httpx.Response:
    return http.post(f"{YEAR}/requests", json={"pupil": pupil, "kind": kind, "received": "2026-09-03", **more})


def decide(http: httpx.Client, pupil: str, kind: str, *, grant: bool) -> httpx.Response:
    body = {"pupil": pupil, "kind": kind, "received": "2026-09-03", "grant": grant}
    return http.post(f"{YEAR}/requests/decide", json=body)


def test_requests_are_taken_down_decided_and_take_effect(http: httpx.Client) -> None:
    one, two, three = pupils(http)
    assert ask(http, one, "stop", stop="A2").status_code == 201
    assert ask(http, one, "stop", stop="A2").json()["code"] == "request_exists"
    told = decide(http, one, "stop", grant=True).json()
    assert told["request"]["state"] == "granted"
    assert told["effects"] == [
        f"pupil {one} gets on run M at stop A2",
        f"run S does not call there: pupil {one} stays at stop A1",
    ]
    assert seats(http, one) == {"M": "A2", "S": "A1"}
    assert decide(http, one, "stop", grant=False).json()["code"] == "request_decided"

    assert ask(http, two, "stop", stop="A3").status_code == 201
    assert decide(http, two, "stop", grant=True).json()["code"] == "stop_not_served"
    assert decide(http, two, "stop", grant=False).json()["effects"] == []
    assert seats(http, two) == {"M": "A1"}
    assert ask(http, two, "change", school="E2").status_code == 201
    assert decide(http, two, "change", grant=True).json()["effects"] == [
        f"pupil {two} goes to school E2 from now on",
        f"pupil {two} has no seat on run M any more",
    ]
    schools = {row["key"]: row["school"] for row in http.get(f"{YEAR}/pupils").json()["rows"]}
    assert (schools[two], seats(http, two)) == ("E2", {})

    assert ask(http, three, "cancel").status_code == 201
    assert decide(http, three, "cancel", grant=True).status_code == 200
    assert seats(http, three) == {}
    log = [one["what"] for one in http.get("/v1/school/accesses").json()["accesses"]]
    assert log[0] == "granted cancel"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"pupil": "nobody", "kind": "cancel"}, "unknown_pupil"),
        ({"kind": "change"}, "incomplete_request"),
        ({"kind": "change", "school": "E9"}, "unknown_school"),
        ({"kind": "stop", "stop": "A9"}, "unknown_stop"),
        ({"kind": "illness"}, "validation_failed"),
        ({"kind": "cancel", "note": "asthma"}, "validation_failed"),
    ],
)
def test_what_cannot_be_asked_is_refused(http: httpx.Client, body: dict[str, str], code: str) -> None:
    key = http.get(f"{YEAR}/pupils").json()["rows"][0]["key"]
    assert http.post(f"{YEAR}/requests", json={"pupil": key, **body}).json()["code"] == code


def test_a_request_that_was_not_made_is_not_decided(http: httpx.Client) -> None:
    key = http.get(f"{YEAR}/pupils").json()["rows"][0]["key"]
    assert decide(http, key, "new", grant=True).json()["code"] == "unknown_request"


def test_a_year_begins_with_the_network_of_another_and_no_pupil(http: httpx.Client) -> None:
    new = "/v1/school/years/2027-2028/roll-over"
    rows = http.post(new, json={"from": "2026-2027"}).json()["rows"]
    before = http.get(YEAR).json()["rows"]
    assert {name: rows[name] for name in ("schools", "stops", "circuits", "runs", "calls")} == {
        name: before[name] for name in ("schools", "stops", "circuits", "runs", "calls")
    }
    assert (rows["pupils"], rows["seats"], rows["requests"]) == (0, 0, 0)
    assert http.post(new, json={"from": "2026-2027"}).json()["code"] == "year_not_empty"
    assert http.post(new, json={"from": "2031-2032"}).json()["code"] == "unknown_year"


def test_single_rows_are_written_and_removed_by_the_rules_of_the_import(http: httpx.Client) -> None:
    lists = f"{YEAR}/lists"
    stop = {"id": "B1", "name": "Lavoir", "lat": 47.5, "lon": 4.3, "bearing": "NE"}
    assert http.put(f"{lists}/stops", json={"rows": [stop]}).json()["counts"]["stops"]["added"] == 1
    bell = {"school": "E1", "trip": "morning", "weekdays": ["monday", "friday"], "at": "08:05"}
    assert http.put(f"{lists}/bells", json={"rows": [bell]}).json()["counts"]["bells"]["added"] == 1
    assert http.get(f"{YEAR}/bells").json()["rows"][0] == {**bell, "riders": "all", "earliest": None, "latest": None}
    again = {"id": "B1", "name": "Lavoir", "lat": 47.6, "lon": 4.3}
    assert http.put(f"{lists}/stops", json={"rows": [again]}).json()["counts"]["stops"]["changed"] == 1
    (found,) = (row for row in http.get(f"{YEAR}/stops").json()["rows"] if row["id"] == "B1")
    assert (found["lat"], found["bearing"]) == (47.6, 45.0)
    faults = http.put(f"{lists}/stops", json={"rows": [{**again, "lat": "there"}, {"id": "B2"}]}).json()["faults"]
    assert [(one["row"], one["column"]) for one in faults] == [(2, "name"), (2, "lat"), (2, "lon")]
    faults = http.put(f"{lists}/calls", json={"rows": [{"run": "X", "position": 1, "at": "8h"}]}).json()["faults"]
    assert faults[0]["what"] == "'X' is not in list Courses; add it there, or correct it"
    assert http.put(f"{lists}/stops", json={"rows": [{**again, "colour": 1}]}).json()["code"] == "list_faults"
    assert http.post(f"{lists}/stops/remove", json={"rows": [{"id": "A1"}]}).json()["code"] == "list_faults"
    gone = http.post(f"{lists}/stops/remove", json={"rows": [{"id": "B1"}, {"id": "B9"}]}).json()
    assert (gone["counts"]["stops"]["removed"], gone["notes"]) == (1, ["1 rows were not there"])
    assert http.post(f"{lists}/bells/remove", json={"rows": [{**bell, "riders": "all"}]}).status_code == 200
    assert http.post(f"{lists}/pupils/remove", json={"rows": [{"number": "1"}]}).json()["code"] == "refused"
    assert http.put(f"{lists}/nothing", json={"rows": [{}]}).status_code == 422
