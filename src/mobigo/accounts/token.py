"""Bearer tokens: JSON Web Tokens signed with the home's key (HMAC-SHA256).

They hold who (``sub``), as what (``role``) and until when (``exp``), by the one clock of the home. Nothing is stored:
whoever has the key can issue and check them; a new key ends them all.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from mobigo.accounts.model import Person, Role
from mobigo.kit.errors import Unauthorised

if TYPE_CHECKING:
    from datetime import timedelta

ALGORITHM = "HS256"


def issue(key: bytes, user: str, role: Role, now: datetime, lifetime: timedelta) -> str:
    """Sign a token for a person in a role."""
    claims = {"sub": user, "role": role.value, "exp": int((now + lifetime).timestamp())}
    return jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, OctKey.import_key(key))


def check(key: bytes, token: str, now: datetime) -> Person:
    """Read a token.

    Raises
    ------
    Unauthorised
        When it is not ours, was changed, or has expired.
    """
    try:
        claims = jwt.decode(token, OctKey.import_key(key), algorithms=[ALGORITHM]).claims
        person = Person(str(claims["sub"]), Role(claims["role"]), datetime.fromtimestamp(int(claims["exp"]), UTC))
    except (JoseError, ValueError, KeyError, TypeError, OverflowError):
        raise Unauthorised("the bearer token is not one of this instance; ask for a new one") from None
    if now >= person.expires:
        raise Unauthorised(f"the bearer token expired at {person.expires:%Y-%m-%dT%H:%M:%SZ}; ask for a new one")
    return person
