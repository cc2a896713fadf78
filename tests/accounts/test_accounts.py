"""Tokens and roles: who one is, what one may, and that nothing else gets in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from tests.conftest import serve

from mobigo.accounts import api
from mobigo.accounts.key import read_key
from mobigo.accounts.model import Person, Role
from mobigo.accounts.token import check, issue
from mobigo.kit.clock import Clock
from mobigo.kit.errors import Unauthorised
from mobigo.web import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import AppClient

KEY = b"k" * 32
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_token_says_who_and_as_what_until_it_expires() -> None:
    token = issue(KEY, "anna", Role.DESK, NOON, HOUR)
    assert check(KEY, token, NOON) == Person("anna", Role.DESK, NOON + HOUR)
    with pytest.raises(Unauthorised, match="expired at 2026-11-22T13:00:00Z"):
        check(KEY, token, NOON + HOUR)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        issue(b"x" * 32, "anna", Role.ADMIN, NOON, HOUR),  # another key
        issue(KEY, "anna", Role.DESK, NOON, HOUR)[:-4] + "AAAA",  # another signature
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5fQ.",  # signed by nobody
    ],
)
def test_what_this_instance_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(Unauthorised, match="not one of this instance"):
        check(KEY, token, NOON)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    key = read_key(tmp_path / "home")
    assert read_key(tmp_path / "home") == key
    assert len(key) == 32
    assert (tmp_path / "home/token.key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["token.key"]


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx.Client]:
    """An application with one route for each kind of guard."""
    app = FastAPI()
    app.state.token_key, app.state.clock = KEY, Clock()
    errors.install(app)
    app.include_router(api.router)

    def answer(person: Annotated[Person, Depends(api.require("dispatcher", "desk"))]) -> str:
        return person.user

    def drive(person: Annotated[Person, Depends(api.require("driver"))]) -> str:
        return person.user

    app.get("/tours")(answer)
    app.post("/tours")(answer)
    app.get("/tour")(drive)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client


def ask(client: httpx.Client, role: str | None, method: str, path: str) -> int:
    token = role and issue(KEY, "someone", Role(role), datetime.now(UTC), HOUR)
    return client.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {}).status_code


@pytest.mark.parametrize(
    ("role", "read", "write", "drive"),
    [
        (None, 401, 401, 401),
        ("traveller", 403, 403, 403),
        ("driver", 403, 403, 200),
        ("desk", 200, 200, 403),
        ("dispatcher", 200, 200, 403),
        ("school", 403, 403, 403),
        ("carpool", 403, 403, 403),
        ("finance", 403, 403, 403),
        ("publisher", 403, 403, 403),
        ("admin", 200, 200, 403),  # passes wherever staff passes
        ("auditor", 200, 403, 403),  # reads wherever staff reads
    ],
)
def test_roles_open_what_they_should(
    role: str | None, read: int, write: int, drive: int, guarded: httpx.Client
) -> None:
    assert ask(guarded, role, "GET", "/tours") == read
    assert ask(guarded, role, "POST", "/tours") == write
    assert ask(guarded, role, "GET", "/tour") == drive


def test_refusals_are_problem_documents_that_say_what_to_do(guarded: httpx.Client) -> None:
    unknown = guarded.get("/tours")
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.headers["www-authenticate"] == "Bearer"
    assert unknown.json()["code"] == "unauthorised"
    token = issue(KEY, "max", Role.SCHOOL, datetime.now(UTC), HOUR)
    forbidden = guarded.get("/tours", headers={"Authorization": f"Bearer {token}"})
    assert forbidden.json()["code"] == "role_required"
    assert forbidden.json()["detail"] == "max is here as school; this needs the role desk or dispatcher"


def test_me_is_served_by_the_whole_application(client: AppClient) -> None:
    token = issue(client.app.state.token_key, "anna", Role.FINANCE, datetime.now(UTC), HOUR)
    me = client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert (me["user"], me["role"]) == ("anna", "finance")
    assert client.get("/v1/me").status_code == 401
