"""Pages of draft networks, without a browser: changes as people write them, faults in their place, a trial read."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import serve
from tests.usage.draft_land import TUESDAY, open_land

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.usage import drafts_store as store
from mobigo.web.app import create_app
from mobigo.web.signin import COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.usage.draft_land import Land

HOME = "/staff/drafts"


@pytest.fixture(scope="module")
def land(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    with open_land(test_cluster, tmp_path_factory.mktemp("land")) as land:
        land.note((TUESDAY, 6, 400, 9_600, 8), (TUESDAY, 4, 400, 9_600, 6))
        yield land


@pytest.fixture(scope="module")
def town(land: Land) -> Iterator[httpx.Client]:
    engine = open_engine(land.url)
    app = create_app(engine=engine, clock=Clock(), home=land.home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120, follow_redirects=True) as client:
        client.headers["Origin"] = address
        enter(land, client, Role.DISPATCHER)
        yield client
    engine.dispose()


def enter(land: Land, client: httpx.Client, role: Role) -> None:
    client.cookies.set(COOKIE, issue(read_key(land.home), "claire", role, Clock().now(), timedelta(hours=1)))


def make(town: httpx.Client, name: str) -> str:
    """Make a draft; its address."""
    said = town.post(HOME, data={"name": name})
    assert said.status_code == 200, said.text
    return said.url.path


def add(town: httpx.Client, path: str, kind: str, **fields: str | list[str]) -> httpx.Response:
    """Add a change by its form."""
    return town.post(f"{path}/changes", params={"lang": "en"}, data={"kind": kind, **fields})


def told(said: httpx.Response) -> list[str]:
    """Return the changes as the page says them."""
    found = re.findall(r"<li><span>(.*?)</span>", said.text, re.DOTALL)
    return [re.sub(r"<.*?>", "", one).strip() for one in found]


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (
            "move_trips",
            {"line": "val:L", "first": "07:00", "minutes": "10", "way": "earlier", "weekday": ["1", "2"]},
            "Trips of line 12 Le Val from 07:00, on Monday, Tuesday: 10 min earlier",
        ),
        ("remove_trips", {"line": "val:L", "direction": "0"}, "Trips of line 12 Le Val there: no longer run"),
        (
            "add_line",
            {
                "id": "n",
                "name": "N",
                "stops": "Amont\nval:pont, 2\nAval, 12.5",
                "there": "06:30, 09:00-11:00/60",
                "back": "18:00",
                "school": "only",
            },
            "New line N: Amont – Pont – Aval, 4 trips a day there and 1 back, every day when schools are open",  # noqa: RUF001  as it is printed
        ),
        ("add_stop", {"id": "pre", "name": "Le Pré", "lat": "47,01", "lon": "5.0"}, "New stop Le Pré"),
        ("close_stop", {"stop": "pont"}, "Nothing stops at Pont any more"),
        (
            "extend_trips",
            {"line": "val:L", "end": "first", "stops": "Pont, 4"},
            "Trips of line 12 Le Val: begin at Pont already",
        ),
        (
            "insert_stop",
            {"line": "val:L", "behind": "Amont", "stop": "Pont", "after": "2", "adds": "1"},
            "Trips of line 12 Le Val: also stop at Pont, after Amont",
        ),
        (
            "open_zone",
            {
                "id": "z",
                "name": "Val",
                "area": '{"type":"Polygon","coordinates":[[[5,47],[5.1,47],[5.1,47.1],[5,47]]]}',
                "first": "06:00",
                "last": "22:00",
                "stops": "Pont",
            },
            "New zone on demand Val: from 06:00 to 22:00, every day, to and from 1 stops",
        ),
        ("run_on", {"line": "val:L", "weekday": ["6"]}, "Trips of line 12 Le Val: on Saturday instead of the days of"),
    ],
)
def test_a_form_adds_a_change_that_is_said(
    town: httpx.Client, kind: str, fields: dict[str, str | list[str]], said: str
) -> None:
    path = make(town, f"forme {kind}")
    answer = add(town, path, kind, **fields)
    assert answer.status_code == 200, answer.text
    page = town.get(path, params={"lang": "en"})
    assert [one[: len(said)] for one in told(page)] == [said]
    french = told(town.get(path, params={"lang": "fr"}))
    assert french
    assert french != told(page)


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        ("close_stop", {"stop": "Nulle part"}, "there is no stop &#39;Nulle part&#39;"),
        ("move_trips", {"line": "val:L", "minutes": "dix"}, "is no number"),
        ("explode", {}, "correct it and try again"),
        ("add_line", {"id": "n", "name": "N", "stops": "Amont\nAval, vite", "there": "06:30"}, "is no stop with its"),
        ("add_line", {"id": "n n", "name": "N", "stops": "Amont\nAval, 3", "there": "06:30"}, "letters of ASCII"),
        ("open_zone", {"id": "z", "name": "Z", "area": "{"}, "choose communes"),
    ],
)
def test_what_a_form_cannot_mean_is_said_and_nothing_is_added(
    town: httpx.Client, kind: str, fields: dict[str, str], problem: str
) -> None:
    path = make(town, f"refus {kind} {len(fields)} {sorted(fields.values())}")
    answer = add(town, path, kind, **fields)
    assert answer.status_code == 409
    assert problem in answer.text
    assert told(town.get(path)) == []


def test_faults_stand_beside_their_changes_and_changes_are_taken_out_and_back(town: httpx.Client) -> None:
    path = make(town, "fautes")
    add(town, path, "close_stop", stop="Pont")
    town.post(
        f"{path}/document", data={"document": '{"name": "x", "changes": [{"kind": "close_stop", "stop": "val:z"}]}'}
    )
    checked = town.post(f"{path}/check", params={"lang": "en"})
    assert "1 change cannot be made" in checked.text
    assert "there is no stop &#39;val:z&#39;" in checked.text
    town.post(f"{path}/remove-change", data={"change": "0", "revision": "3"})
    assert told(town.get(path)) == []
    town.post(f"{path}/take-back", data={"revision": "2"})
    assert len(told(town.get(path))) == 1
    late = town.post(f"{path}/remove-change", data={"change": "0", "revision": "3"})
    assert late.status_code == 409
    copied = town.post(f"{path}/copy", data={"name": "fautes, copie"})
    assert "fautes, copie" in copied.text
    assert town.get(f"{path}/draft.json").json()["name"] == "fautes"
    assert town.post(f"{copied.url.path}/remove").url.path == HOME


def test_a_trial_is_asked_for_followed_and_read(land: Land, town: httpx.Client) -> None:
    path = make(town, "essai de page")
    moved = '{"name": "x", "changes": [{"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -120}]}'
    town.post(f"{path}/document", data={"document": moved})
    asked = town.post(f"{path}/trials", data={"first": str(TUESDAY), "last": str(TUESDAY), "questions": "500"})
    assert asked.status_code == 200
    assert "data-progress" in asked.text
    trial = store.list_trials(land.connection, path.rpartition("/")[2])[0].id
    told_so_far = town.get(f"{HOME}/trials/{trial}/progress", params={"lang": "en"}).json()
    assert told_so_far == {"state": "waiting", "said": "Waiting for its turn", "asked": 0, "answered": 0}
    assert "data-progress" in town.get(f"{HOME}/trials/{trial}").text
    land.run(trial)
    page = town.get(f"{HOME}/trials/{trial}", params={"lang": "en"}).text
    assert "8 people (57.1 %) lose the journey that they have today" in page
    assert '<th scope="row">Amont</th>' in page
    french = town.get(f"{HOME}/trials/{trial}", params={"lang": "fr"}).text
    assert "8 personnes (57,1 %) perdent le trajet" in french
    drawn = town.get(f"{HOME}/trials/{trial}/map.json", params={"lang": "en"}).json()["features"]
    assert [one["properties"]["said"][:9] for one in drawn] == ["14 people"]
    assert town.get(f"{HOME}/trials/{trial}/trial.xlsx").content[:2] == b"PK"
    assert town.get(f"{HOME}/trials/{trial}/map.geojson").json()["type"] == "FeatureCollection"
    beside = town.get(f"{HOME}/comparison", params={"trial": [trial, trial], "lang": "en"})
    assert beside.text.count("essai de page") == 2
    assert town.get(f"{HOME}/comparison").url.path == HOME
    failing = town.post(f"{path}/trials", data={"first": "2026-11-24", "last": "2026-11-20"})
    assert failing.status_code == 409


def test_who_only_reads_is_offered_nothing_to_write(land: Land, town: httpx.Client) -> None:
    path = make(town, "lu seulement")
    try:
        enter(land, town, Role.FINANCE)
        said = town.get(path).text
        assert "remove-change" not in said
        assert f"{path}/trials" not in said
        assert town.post(f"{path}/remove").status_code == 403
        enter(land, town, Role.DRIVER)
        assert town.get(HOME).status_code == 403
    finally:
        enter(land, town, Role.DISPATCHER)
    town.headers["Origin"], own = "https://elsewhere.example", town.headers["Origin"]
    assert town.post(f"{path}/remove").status_code == 403
    town.headers["Origin"] = own
