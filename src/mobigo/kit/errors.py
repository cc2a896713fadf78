"""What can go wrong, by what the person who asked can do about it.

::

    MobigoError
    ├── InvalidInput      the request is wrong: correct it
    ├── Unauthorised      say who you are
    ├── Forbidden         you may not; ask somebody who may
    ├── NotFound          no such thing
    ├── Conflict          it changed meanwhile, or exists already
    ├── Refused           understood and possible, but a rule says no
    ├── Unavailable       try again later
    └── MissingPackage    a system package is missing: install it

Rooms raise these; ``web.errors`` maps the class to an HTTP status, ``cli.main`` to an exit code. A message names
which, what, the bound, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class MobigoError(Exception):
    """Any error whose message is written for the person who caused or meets it.

    Parameters
    ----------
    message : str
        One or two sentences: which, what, the bound, what to do.
    code : str, optional
        Stable machine-readable word of snake_case; defaults to the class's own.
    members : mapping, optional
        What else the answer says, as what is possible instead; JSON, by names that problem documents do not use.
    keeps : bool
        What was written before is kept: that something was refused is itself on record.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        members: Mapping[str, object] | None = None,
        keeps: bool = False,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.members = members or {}
        self.keeps = keeps


class InvalidInput(MobigoError):
    """The request is wrong."""

    code = "invalid_input"


class Unauthorised(MobigoError):
    """Nobody, or nobody known, is asking."""

    code = "unauthorised"


class Forbidden(MobigoError):
    """The one who asks may not."""

    code = "forbidden"


class NotFound(MobigoError):
    """No such thing."""

    code = "not_found"


class Conflict(MobigoError):
    """It changed meanwhile, or exists already."""

    code = "conflict"


class Refused(MobigoError):
    """Understood and possible, but a rule says no."""

    code = "refused"


class Unavailable(MobigoError):
    """Not now."""

    code = "unavailable"


class MissingPackage(MobigoError):
    """A system package is missing; the message holds the line to type."""

    code = "missing_package"
