"""Documents of services that the staff wrote, over those of feeds: one row per revision, none is ever changed.

::

    ondemand_service  id, revision, document, withdrawn, written_by, written_at

A document is *whole* (a service of its own, or instead of a feed's) or a *supplement* (kind, operator and promise of a
feed's service, whose timetable goes on coming from the feed). No document and not withdrawn: as in the feed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb
from pydantic import ValidationError

from mobigo.kit.errors import Conflict, InvalidInput, NotFound
from mobigo.ondemand.documents import PromiseBody, ServiceBody, SupplementBody, to_service
from mobigo.ondemand.model import Promise

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

    from mobigo.ondemand.model import Service

WHOLE, SUPPLEMENT = "whole", "supplement"


@dataclass(frozen=True)
class Revision:
    """A document as it was written."""

    id: str
    number: int
    document: dict[str, Any] | None
    """With ``form``: `WHOLE` or `SUPPLEMENT`."""
    withdrawn: bool
    written_by: str
    written_at: datetime


_REVISION = "SELECT id, revision, document, withdrawn, written_by, written_at FROM ondemand_service"


def count_revisions(connection: Connection[Any]) -> int:
    """Count all that was ever written: it grows with every change."""
    row = connection.execute("SELECT count(*) FROM ondemand_service").fetchone()
    assert row
    return int(row[0])


def list_newest(connection: Connection[Any]) -> list[Revision]:
    """List the newest revision of each document, by id."""
    rows = connection.execute(f"{_REVISION} ORDER BY id, revision DESC".replace("SELECT", "SELECT DISTINCT ON (id)"))
    return [Revision(*row) for row in rows]


def list_revisions(connection: Connection[Any], id_: str) -> list[Revision]:
    """List the revisions of a document, newest first; none when nobody wrote one."""
    rows = connection.execute(f"{_REVISION} WHERE id = %s ORDER BY revision DESC", (id_,))
    return [Revision(*row) for row in rows]


def write(
    connection: Connection[Any],
    id_: str,
    document: dict[str, Any] | None,
    *,
    withdrawn: bool = False,
    seen: int | None = None,
    by: str,
    now: datetime,
) -> Revision:
    """Write the next revision of a document.

    Parameters
    ----------
    seen : int, optional
        The revision that was read before the change (0: none); another one in between is a conflict.

    Raises
    ------
    Conflict
        When somebody else wrote meanwhile.
    """
    newest = _lock(connection, id_, seen)
    row = connection.execute(
        "INSERT INTO ondemand_service (id, revision, document, withdrawn, written_by, written_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id, revision, document, withdrawn, written_by, written_at",
        (
            id_,
            newest.number + 1 if newest else 1,
            None if document is None else Jsonb(document),
            withdrawn,
            by,
            now,
        ),
    ).fetchone()
    assert row
    return Revision(*row)


def undo(
    connection: Connection[Any], id_: str, *, to: int | None = None, seen: int | None = None, by: str, now: datetime
) -> Revision:
    """Write again what was before the last change, or an earlier revision.

    Parameters
    ----------
    to : int, optional
        The revision to go back to; 0: before the first one, when the service was as in its feed, if any.

    Raises
    ------
    NotFound
        When nothing was ever written, or there is no such revision.
    Conflict
        When somebody else wrote meanwhile.
    """
    newest = _lock(connection, id_, seen)
    if newest is None:
        raise NotFound(
            f"nobody changed the on-demand service {id_!r} here, so there is nothing to undo", code="unknown_service"
        )
    wanted = newest.number - 1 if to is None else to
    found = next((one for one in list_revisions(connection, id_) if one.number == wanted), None)
    if found is None and wanted:
        raise NotFound(
            f"service {id_} has no revision {wanted}; it has 1 to {newest.number}, and 0 is as in its feed",
            code="unknown_service",
        )
    document, withdrawn = (found.document, found.withdrawn) if found else (None, False)
    return write(connection, id_, document, withdrawn=withdrawn, by=by, now=now)


def _lock(connection: Connection[Any], id_: str, seen: int | None) -> Revision | None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ondemand service ' || %s, 0))", (id_,))
    newest = next(iter(list_revisions(connection, id_)), None)
    number = newest.number if newest else 0
    if seen is not None and number != seen:
        who = f", written by {newest.written_by}" if newest else ""
        raise Conflict(
            f"service {id_} is at revision {number}{who}, not at {seen}; read it again and repeat the change",
            code="changed_meanwhile",
        )
    return newest


# ── documents ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def store_whole(body: ServiceBody) -> dict[str, Any]:
    """Return a whole document as it is stored."""
    return {"form": WHOLE, **body.model_dump(mode="json")}


def store_supplement(body: SupplementBody) -> dict[str, Any]:
    """Return a supplement as it is stored: what was left out is not in it."""
    return {"form": SUPPLEMENT, **body.model_dump(mode="json", exclude_unset=True)}


def apply(one: Revision, base: Service | None) -> Service | None:
    """Return the service that a revision makes of a feed's, or of nothing; None: there is none.

    Raises
    ------
    InvalidInput
        When it cannot be applied: it supplements a service that is no longer in a feed, or was written for a program
        that knew other words. What the feed says, if anything, stays in force.
    """
    if one.withdrawn or one.document is None:
        return None if one.withdrawn else base
    document = {name: value for name, value in one.document.items() if name != "form"}
    try:
        if one.document.get("form") == WHOLE:
            return to_service(one.id, ServiceBody.model_validate(document))
        told = SupplementBody.model_validate(document)
        if base is not None:
            return supplement(base, told)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(
            f"revision {one.number} of {one.id} cannot be read any more"
            f" ({'.'.join(str(part) for part in first['loc'])}: {first['msg']}); write the service again",
            code="invalid_service",
        ) from None
    raise InvalidInput(
        f"revision {one.number} of {one.id} supplements a service that is in no feed now; withdraw it or load the feed",
        code="unknown_service",
    )


def supplement(base: Service, told: SupplementBody) -> Service:
    """Add to a service what the staff said.

    Raises
    ------
    ValidationError
        When its promise is none.
    """
    promise = PromiseBody.model_validate({**asdict(base.promise), **(told.promise or {})})
    return replace(
        base,
        kind=told.kind or base.kind,
        operator=told.operator if "operator" in told.model_fields_set else base.operator,
        promise=Promise(**promise.model_dump()),
    )


# ── who dispatches, who has booked ────────────────────────────────────────────────────────────────────────────────────


def list_dispatched(connection: Connection[Any]) -> frozenset[str]:
    """List the services for which vehicles work here."""
    rows = connection.execute("SELECT DISTINCT unnest(services) FROM ondemand_vehicle WHERE active")
    return frozenset(service for (service,) in rows)


def has_operator(connection: Connection[Any], operator: str) -> bool:
    """Tell whether there is an operator of this id."""
    return connection.execute("SELECT 1 FROM ondemand_operator WHERE id = %s", (operator,)).fetchone() is not None


def count_open_rides(connection: Connection[Any], id_: str) -> int:
    """Count the rides of a service that are held or booked and have not ended."""
    row = connection.execute(
        "SELECT count(*) FROM ondemand_leg WHERE service = %s"
        " AND state IN ('held', 'confirmed', 'assigned', 'en_route', 'arrived', 'on_board')",
        (id_,),
    ).fetchone()
    assert row
    return int(row[0])
