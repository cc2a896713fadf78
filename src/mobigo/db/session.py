"""One session per request, one commit at the edge: before the answer leaves."""

from collections.abc import Iterator
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from psycopg import Connection
from sqlalchemy.orm import Session

from mobigo.kit.errors import MobigoError


def open_session(request: Request) -> Iterator[Session]:
    """Open a session for one request; commit before the answer, roll back on any error but one that keeps."""
    with Session(request.app.state.engine) as session:
        try:
            yield session
        except MobigoError as error:
            if error.keeps:
                session.commit()
            raise
        session.commit()


Database = Annotated[Session, Depends(open_session, scope="function")]
"""The session of the request. ``scope="function"``: a failed commit is a failed request, never a lost 200."""


def driver(session: Session) -> Connection[Any]:
    """Return psycopg's connection of a session, in the session's transaction."""
    return cast("Connection[Any]", session.connection().connection.driver_connection)
