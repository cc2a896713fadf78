"""Drafts over HTTP: who may, what is answered, files that open, the job that waits."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openpyxl import load_workbook
from tests.conftest import serve
from tests.usage.draft_land import TUESDAY, open_land

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.usage import drafts_store as store
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.usage.draft_land import Land

MOVED = {"kind": "move_trips", "which": {"trips": ["val:early"]}, "minutes": -120}


@pytest.fixture(scope="module")
def land(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """The valley, with demand of a Tuesday."""
    with open_land(test_cluster, tmp_path_factory.mktemp("land")) as land:
        land.note((TUESDAY, 6, 400, 9_600, 8), (TUESDAY, 4, 400, 9_600, 6))
        yield land


@pytest.fixture(scope="module")
def http(land: Land) -> Iterator[httpx.Client]:
    """The valley, served."""
    engine = open_engine(land.url)
    app = create_app(engine=engine, clock=Clock(), home=land.home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client
    engine.dispose()


def as_(land: Land, role: Role) -> dict[str, str]:
    """Return the header of somebody in a role."""
    token = issue(read_key(land.home), "plan", role, Clock().now(), timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def planner(land: Land, http: httpx.Client) -> httpx.Client:
    """Somebody who plans."""
    http.headers.update(as_(land, Role.DISPATCHER))
    return http


def make(planner: httpx.Client, name: str, *changes: dict[str, Any]) -> str:
    """Make a draft; its id."""
    answer = planner.post("/v1/usage/drafts", json={"name": name, "changes": list(changes)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_draft_is_made_tried_and_read(land: Land, planner: httpx.Client) -> None:
    draft = make(planner, "Deux heures plus tôt", MOVED)
    asked = {"first": str(TUESDAY), "last": str(TUESDAY), "days": [str(TUESDAY)]}
    answer = planner.post(f"/v1/usage/drafts/{draft}/trials", json=asked)
    assert answer.status_code == 202
    trial = answer.json()["id"]
    assert answer.json()["state"] == "waiting"
    assert planner.post(f"/v1/usage/drafts/{draft}/trials", json=asked).json()["code"] == "being_tried"
    assert planner.get(f"/v1/usage/trials/{trial}/result").json()["code"] == "not_tried"
    assert planner.delete(f"/v1/usage/drafts/{draft}").json()["code"] == "being_tried"
    jobs = land.connection.execute(
        "SELECT task_name, args->>'trial', queue_name FROM procrastinate_jobs WHERE task_name = 'usage.try'"
    ).fetchall()
    assert (str(trial), "long") in [(number, queue) for _, number, queue in jobs]
    land.run(trial)
    found = planner.get(f"/v1/usage/trials/{trial}/result").json()
    assert found["state"] == "done"
    assert (found["figures"]["lost"], found["figures"]["new"]) == (8, 6)
    assert found["sentences"][0]["text"].startswith("6 people (42.9 %) find a journey")
    assert found["sentences"][0]["text_fr"].startswith("6 personnes (42,9 %) trouvent un trajet")
    drawn = planner.get(f"/v1/usage/trials/{trial}/map").json()
    assert [one["properties"]["name"] for one in drawn["features"]] == ["Amont"]
    assert drawn["features"][0]["properties"]["lost"] == 8
    for language, name in (("fr", "Communes"), ("en", "Communes")):
        file = planner.get(f"/v1/usage/trials/{trial}/workbook", params={"lang": language})
        book = load_workbook(io.BytesIO(file.content))
        assert book[name].freeze_panes == "A2"
        assert [cell.value for cell in book[name][2]][:2] == ["Amont", 14]
        assert len(book.sheetnames) == 5
    beside = planner.get("/v1/usage/trials/comparison", params={"trial": [trial, trial]}).json()
    assert beside["alike"]
    assert [one["figures"]["lost"] for one in beside["trials"]] == [8, 8]
    assert planner.post(f"/v1/usage/trials/{trial}/cancel").json()["code"] == "trial_ended"
    whole = planner.get(f"/v1/usage/drafts/{draft}").json()
    assert [one["state"] for one in whole["trials"]] == ["done"]


def test_a_draft_goes_out_and_comes_in_again(planner: httpx.Client) -> None:
    draft = make(planner, "Aller", MOVED)
    document = planner.get(f"/v1/usage/drafts/{draft}/document").json()
    again = planner.post("/v1/usage/drafts", json=document | {"name": "Retour"})
    assert again.status_code == 201
    taken = planner.post("/v1/usage/drafts", json=document)
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    copied = planner.post("/v1/usage/drafts", json={"name": "Copie", "copy_of": "Aller"}).json()
    first, second = (planner.get(f"/v1/usage/drafts/{one}").json()["changes"] for one in (draft, copied["id"]))
    assert first == second == [MOVED]
    assert planner.delete(f"/v1/usage/drafts/{copied['id']}").status_code == 204
    assert planner.get(f"/v1/usage/drafts/{copied['id']}").json()["code"] == "unknown_draft"


def test_changes_are_written_checked_and_taken_back(planner: httpx.Client) -> None:
    draft = make(planner, "Vérifié", MOVED)
    path = f"/v1/usage/drafts/{draft}"
    assert planner.post(f"{path}/check").json() == {"faults": []}
    wrong = [MOVED, {"kind": "close_stop", "stop": "val:nulle_part"}, {"kind": "close_zone", "service": "val:rien"}]
    assert planner.put(path, json={"changes": wrong, "revision": 1}).json()["revision"] == 2
    assert [one["change"] for one in planner.post(f"{path}/check").json()["faults"]] == [1, 2]
    late = planner.put(path, json={"changes": [], "revision": 1})
    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    assert planner.post(f"{path}/take-back", json={"revision": 1}).json()["revision"] == 3
    whole = planner.get(path).json()
    assert whole["changes"] == [MOVED]
    assert [(one["revision"], one["changes"]) for one in whole["revisions"]] == [(3, 1), (2, 3), (1, 1)]
    assert planner.post(f"{path}/take-back", json={"revision": 9}).json()["code"] == "unknown_revision"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "changes": [{"kind": "explode"}]},
        {"name": "", "changes": []},
        {"name": "  ", "changes": []},
        {"name": "x", "changes": [MOVED] * 501},
        {"name": "x", "changes": [{**MOVED, "minutes": "NaN"}]},
        {"name": "x", "changes": [{**MOVED, "more": 1}]},
    ],
)
def test_what_is_no_draft_is_refused(planner: httpx.Client, body: dict[str, Any]) -> None:
    answer = planner.post("/v1/usage/drafts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize(
    ("role", "reading", "writing"),
    [
        (Role.DISPATCHER, 200, 201),
        (Role.PUBLISHER, 200, 201),
        (Role.FINANCE, 200, 403),
        (Role.AUDITOR, 200, 403),
        (Role.DESK, 403, 403),
        (Role.TRAVELLER, 403, 403),
    ],
)
def test_who_plans_reads_and_few_write(land: Land, http: httpx.Client, role: Role, reading: int, writing: int) -> None:
    headers = as_(land, role)
    assert http.get("/v1/usage/drafts", headers=headers).status_code == reading
    body = {"name": f"de {role}", "changes": []}
    assert http.post("/v1/usage/drafts", json=body, headers=headers).status_code == writing


def test_a_trial_that_fails_says_why(land: Land, planner: httpx.Client) -> None:
    draft = make(planner, "Impossible", {"kind": "close_stop", "stop": "val:nulle_part"})
    trial = planner.post(f"/v1/usage/drafts/{draft}/trials", json={"first": str(TUESDAY), "last": str(TUESDAY)}).json()
    store.fail_trial(land.connection, trial["id"], "there is no stop", Clock().now())
    assert planner.get(f"/v1/usage/trials/{trial['id']}").json()["problem"] == "there is no stop"
    assert planner.get("/v1/usage/trials/987654").json()["code"] == "unknown_trial"
    backwards = {"first": "2026-11-24", "last": "2026-11-20"}
    assert planner.post(f"/v1/usage/drafts/{draft}/trials", json=backwards).json()["code"] == "invalid_period"
