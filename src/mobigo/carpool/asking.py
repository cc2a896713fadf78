"""What a route that changes runs and bookings depends on: who asks, on which roads, and that it is done once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import psycopg
import structlog
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Token
from mobigo.accounts.model import Role
from mobigo.carpool import store
from mobigo.carpool.alternatives import find_alternatives
from mobigo.carpool.noting import note_gone
from mobigo.carpool.search_answers import ZONE, describe_offer
from mobigo.carpool.service import Actor, Rides
from mobigo.carpool.wanting import PlacesGone
from mobigo.db.answers import Answers
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Conflict, Forbidden
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.street.drives import Drives

log = structlog.get_logger()

STRAIGHT = Drives(None)
"""Where there are no streets."""

REPLAYED = "Idempotent-Replayed"
"""Header of an answer that was given before."""

TRAVELS = frozenset({Role.TRAVELLER, Role.DRIVER})
"""Roles of people who drive and ride, for themselves."""

WORKS = frozenset({Role.CARPOOL, Role.DESK, Role.ADMIN})
"""Roles of the staff who do so for others."""

Key = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(alias="Idempotency-Key", description="Chosen by who asks; asked again with it, nothing is done twice"),
]

Guard = Annotated[
    Token, Depends(require(Role.TRAVELLER, Role.DRIVER, Role.CARPOOL, Role.DESK, Role.FINANCE, Role.AUDITOR))
]
"""Who may ask at all; what they may see and do depends on whose it is."""

Answer = TypeVar("Answer", bound=BaseModel)


def find_roads(request: Request) -> Drives:
    """Return the ways by car there are now."""
    network = request.app.state.networks.find_current()
    return STRAIGHT if network is None else network.drives


CurrentRoads = Annotated[Drives, Depends(find_roads)]


class Looking:
    """A request that looks at runs and bookings.

    Parameters
    ----------
    request : Request
    session : Session
    roads : Drives
    token : Person
        Of accounts.
    now : datetime
    """

    def __init__(self, *, request: Request, session: Database, roads: CurrentRoads, token: Guard, now: Now) -> None:
        self.session = session
        self.roads = roads
        self.token = token
        self.now = now
        self.key: bytes = request.app.state.token_key
        self.actor = self._find_actor()

    def _find_actor(self) -> Actor:
        if self.token.role not in TRAVELS:
            return Actor(self.token.user, staff=True)
        person = store.find_person(self.connection, self.token.user)
        return Actor("") if person is None else Actor(person.id, person.id)

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection of the request's transaction."""
        return driver(self.session)

    @property
    def rides(self) -> Rides:
        """What this person sees."""
        return Rides(self.session, self.roads, self.key, self.actor, self.now)


class Asked(Looking):
    """A request that changes something, once: under its idempotency key, if it has one."""

    def __init__(
        self,
        *,
        request: Request,
        response: Response,
        _turn: Turn = None,  # before the session: given up after its commit
        session: Database,
        roads: CurrentRoads,
        token: Guard,
        now: Now,
        key: Key = None,
    ) -> None:
        super().__init__(request=request, session=session, roads=roads, token=token, now=now)
        if token.role not in TRAVELS | WORKS:
            raise Forbidden(f"{token.user} is here as {token.role} and changes nothing", code="role_required")
        self._cars = request.app.state.cars
        self._question = f"{request.method} {request.url.path}"
        self._response = response
        self._key = key

    def _find_actor(self) -> Actor:
        if self.token.role in TRAVELS:
            store.ensure_person(self.connection, self.token.user, self.now)
        return super()._find_actor()

    def once(self, model: type[Answer], body: BaseModel | None, work: Callable[[], Answer]) -> Answer:
        """Do all of something or nothing; asked again with the same key, give the same answer."""
        kept = Answers(self.connection, "carpool_answer", f"{self.token.role}:{self.token.user}")
        question = f"{self._question} {'' if body is None else body.model_dump_json(by_alias=True)}"
        with self.recording():
            known = None if self._key is None else kept.claim(self._key, question, self.now)
            if known is not None:
                self._response.headers[REPLAYED] = "true"
                return model.model_validate(known)
            answer = work()
            if self._key is not None:
                kept.keep(self._key, answer.model_dump(mode="json"))
        return answer

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Do all of something or nothing; where places are gone, others are named, each with its quote.

        The checks of the database are made here already, not only when the request is committed.
        """
        try:
            with self.session.begin_nested():
                connection = self.connection  # asked for inside: a savepoint is set when its connection is first used
                yield
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            self.connection.execute("SET CONSTRAINTS ALL DEFERRED")
        except PlacesGone as gone:
            note_gone(self.session, gone, self.actor.person, self.now)
            gone.members = {"alternatives": self._list_alternatives(gone)}
            gone.keeps = True
            raise
        except psycopg.errors.CheckViolation as broken:
            log.exception("the database refused a change of runs", constraint=broken.diag.constraint_name)
            raise Conflict(
                "this would break a promise made to somebody else, so nothing was changed; look again and retry",
                code="promise_broken",
            ) from None

    def _list_alternatives(self, gone: PlacesGone) -> list[dict[str, Any]]:
        garage = self._cars.current(self.roads)
        if garage is None:
            return []
        person = self.actor.person
        avoid = frozenset() if person is None else frozenset({person, *store.list_blocked(self.connection, person)})
        second = int(self.now.timestamp())
        return [
            describe_offer(one, self.roads, self.key, second, ZONE).model_dump(mode="json")
            for one in find_alternatives(garage, gone, avoid, self.now)
        ]


Once = Annotated[Asked, Depends(Asked)]
Look = Annotated[Looking, Depends(Looking)]
