"""The session of a request: one commit before the answer, and a plain word when the database is away."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import Engine
from tests.conftest import serve

from mobigo.db.engine import open_engine
from mobigo.db.session import Database
from mobigo.kit.errors import Refused
from mobigo.web import errors


@pytest.fixture
def app(engine: Engine) -> FastAPI:
    """An application that notes words, of which each may come once: checked when it commits."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (word text UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    app = FastAPI()
    app.state.engine = engine
    errors.install(app)

    def note(word: str, session: Database) -> str:
        session.execute(text("INSERT INTO note VALUES (:word)"), {"word": word})
        return word

    def refuse(word: str, session: Database, *, keeps: bool) -> None:
        note(word, session)
        raise Refused("no", code="no", members={"instead": ["yes"]}, keeps=keeps)

    app.post("/note")(note)
    app.post("/refuse")(refuse)
    return app


@pytest.fixture
def http(app: FastAPI) -> Iterator[httpx.Client]:
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
        yield http


def test_a_commit_that_fails_is_a_request_that_fails(http: httpx.Client, engine: Engine) -> None:
    assert http.post("/note", params={"word": "once"}).status_code == 200
    assert http.post("/note", params={"word": "once"}).status_code == 500
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM note")).scalar() == 1


def test_a_refusal_undoes_what_was_written_unless_it_is_itself_on_record(http: httpx.Client, engine: Engine) -> None:
    for word, keeps in (("undone", False), ("kept", True)):
        refused = http.post("/refuse", params={"word": word, "keeps": keeps})
        assert (refused.status_code, refused.json()["code"], refused.json()["instead"]) == (422, "no", ["yes"])
    with engine.connect() as connection:
        assert connection.execute(text("SELECT word FROM note")).scalars().all() == ["kept"]


def test_a_database_that_is_away_is_said_and_comes_back(app: FastAPI, http: httpx.Client, engine: Engine) -> None:
    app.state.engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    away = http.post("/note", params={"word": "later"})
    assert (away.status_code, away.json()["code"], away.headers["retry-after"]) == (503, "unavailable", "2")
    app.state.engine = engine
    assert http.post("/note", params={"word": "later"}).status_code == 200


def test_connections_killed_under_us_are_replaced(http: httpx.Client, engine: Engine) -> None:
    assert http.post("/note", params={"word": "before"}).status_code == 200
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert http.post("/note", params={"word": "after"}).status_code == 200
