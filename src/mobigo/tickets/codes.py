"""Codes of any kind: read, and judged by the keys one has, without asking anybody."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from mobigo.tickets import compact, envelope, railway
from mobigo.tickets.claims import Claims, describe
from mobigo.tickets.keys import Key, Keyring, Use, from_halves, verify_ed25519, verify_p256
from mobigo.tickets.model import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 4_096
"""Bytes of a code that is read; no symbol holds more."""

SKEW = timedelta(minutes=2)
"""How far the clocks of those who issue, show and check may be apart."""

SHOWN_FOR = timedelta(seconds=30)
"""How long a code is good after a phone has shown it."""


class Reason(StrEnum):
    """Why a code is taken or refused."""

    OK = "ok"
    MALFORMED = "malformed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    KEY_REVOKED = "key_revoked"
    KEY_NOT_VALID = "key_not_valid"
    BAD_SIGNATURE = "bad_signature"
    SPECIMEN = "specimen"
    NOT_SHOWN_BY_PHONE = "not_shown_by_phone"
    BAD_PHONE_SIGNATURE = "bad_phone_signature"
    SHOWN_TOO_LONG_AGO = "shown_too_long_ago"
    CODE_EXPIRED = "code_expired"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    DENIED = "denied"
    REPLACED = "replaced"
    WRONG_OPERATOR = "wrong_operator"
    WRONG_NETWORK = "wrong_network"
    WRONG_LINE = "wrong_line"
    WRONG_AREA = "wrong_area"
    WRONG_STOP = "wrong_stop"
    WRONG_TRIP = "wrong_trip"
    WRONG_CLASS = "wrong_class"
    ALREADY_USED = "already_used"
    USED_UP = "used_up"
    CARD_ONLY = "card_only"


@cache
def say(reason: Reason, language: str) -> str:
    """Say a reason in French (``fr``) or English (``en``)."""
    words = tomllib.loads(resources.files(__package__).joinpath("reasons.toml").read_text("utf-8"))
    return str(words[reason][language])


@dataclass(frozen=True)
class Code:
    """A code, read but not believed."""

    format: str
    """``compact``, ``uic-u2``, ``uic-u1``, ``uic-ut``, ``fcb3``, ``fcb2``, ``fcb1``."""
    use: Use | None
    """Kind of key that signs it; None: nothing does."""
    issuer: str | None
    """Who signed it, where the code names them."""
    kid: int | None
    claims: Claims | None
    """None: a ticket of somebody else."""
    period: tuple[datetime | None, datetime | None]
    issued_at: datetime | None
    content: Mapping[str, Any]
    """All it says, in JSON."""
    read: compact.Compact | railway.Railway | envelope.Envelope | None


@dataclass(frozen=True)
class Verdict:
    """What is thought of a code."""

    reason: Reason
    format: str | None
    fields: Mapping[str, Any]
    claims: Claims | None = None
    signed_by: Key | None = None

    @property
    def valid(self) -> bool:
        """Whether one may travel on it."""
        return self.reason is Reason.OK


def read(data: bytes) -> Code:
    """Read a code of any kind: as its symbol holds it, or as text.

    Raises
    ------
    Malformed
        When it is none.
    """
    if len(data) > LARGEST:
        raise Malformed(f"{len(data):,} bytes, at most {LARGEST:,}")
    if data.startswith(compact.PREFIX.encode()):
        return _read_compact(compact.read_text(data.decode("ascii", "replace").strip()))
    if data.startswith(b"#UT"):
        return _read_envelope(data)
    for reader in (_read_compact, _read_railway, _read_bare):
        try:
            return reader(data)
        except Malformed:
            continue
    raise Malformed("no code of ours, no barcode of railways")


def _read_compact(data: bytes) -> Code:
    one = compact.read(data)
    claims = one.claims
    content = describe(claims) | {"key": one.kid}
    if one.shown_at is not None:
        content["shown_at"] = one.shown_at.isoformat()
    period = (claims.valid_from, claims.valid_until)
    return Code("compact", Use.COMPACT, None, one.kid, claims, period, claims.issued_at, content, one)


def _read_railway(data: bytes) -> Code:
    one = railway.read(data)
    claims = one.claims
    if claims is not None:
        period: tuple[datetime | None, datetime | None] = (claims.valid_from, claims.valid_until)
    else:
        period = railway.read_period(one.tickets[0][1]) if one.tickets else (None, None)
    content: dict[str, Any] = {"issuer": one.issuer, "key": one.kid}
    if claims is not None:
        content |= describe(claims)
    content |= _say_period(period)
    content["tickets"] = [{"version": version, **railway.to_json(ticket)} for version, ticket in one.tickets]
    issued = claims.issued_at if claims else None
    name = f"uic-{one.header.lower()}"
    return Code(name, Use.UIC, one.issuer, one.kid, claims, period, issued, content, one)


def _read_envelope(data: bytes) -> Code:
    one = envelope.read(data)
    period = railway.read_period(one.tickets[0][1]) if one.tickets else (None, None)
    content: dict[str, Any] = {"issuer": one.issuer, "key": one.kid, "records": list(one.records)}
    content |= _say_period(period)
    content["tickets"] = [{"version": version, **railway.to_json(ticket)} for version, ticket in one.tickets]
    kid = int(one.kid) if one.kid.isascii() and one.kid.isdecimal() else None
    return Code("uic-ut", Use.UIC, one.issuer, kid, None, period, None, content, one)


def _read_bare(data: bytes) -> Code:
    version, ticket = railway.read_bare(data)
    period = railway.read_period(ticket)
    content = {**railway.to_json(ticket), **_say_period(period)}
    return Code(f"fcb{version}", None, None, None, None, period, None, content, None)


def _say_period(period: tuple[datetime | None, datetime | None]) -> dict[str, str]:
    names = ("valid_from", "valid_until")
    return {name: one.isoformat() for name, one in zip(names, period, strict=True) if one is not None}


def judge(data: bytes, keys: Keyring, at: datetime) -> Verdict:
    """Judge a code by its signatures and times; never raises, whatever the bytes are."""
    try:
        code = read(data)
    except Malformed as error:
        return Verdict(Reason.MALFORMED, None, {"problem": str(error)})
    try:
        reason, key = _judge(code, keys, at)
    except Malformed as error:
        return Verdict(Reason.MALFORMED, code.format, {**code.content, "problem": str(error)})
    return Verdict(reason, code.format, code.content, code.claims, key)


def _judge(code: Code, keys: Keyring, at: datetime) -> tuple[Reason, Key | None]:
    """Judge a code that could be read: first who says it, then what it says."""
    if code.use is None or code.read is None or not code.read.signature:
        return Reason.UNSIGNED, None
    key = None if code.kid is None else keys.find(code.use, code.kid, code.issuer)
    if key is None:
        return Reason.UNKNOWN_KEY, None
    verify = verify_p256 if code.use is Use.UIC else verify_ed25519
    older = isinstance(code.read, envelope.Envelope)
    signature = from_halves(code.read.signature) if older else code.read.signature
    if not verify(key.public, signature, code.read.signed):
        return Reason.BAD_SIGNATURE, key
    return _judge_key(key, code, at) or _judge_phone(code.read, code.claims, at) or _judge_times(code, at), key


def _judge_key(key: Key, code: Code, at: datetime) -> Reason | None:
    if key.revoked_at is not None:
        return Reason.KEY_REVOKED
    issued = code.issued_at
    if issued is not None and not key.not_before - SKEW <= issued <= key.not_after + SKEW:
        return Reason.KEY_NOT_VALID
    return None if at <= key.verify_until else Reason.KEY_NOT_VALID


def _judge_phone(
    one: compact.Compact | railway.Railway | envelope.Envelope, claims: Claims | None, at: datetime
) -> Reason | None:
    """Judge whether a code that is bound to a phone is shown by it, now."""
    if isinstance(one, envelope.Envelope):
        return None
    if isinstance(one, compact.Compact):
        phone, shown_at, lasts = one.claims.phone, one.shown_at, SHOWN_FOR
        signature = one.shown_signature and from_halves(one.shown_signature)
    else:
        phone, shown_at, lasts = one.phone, one.find_shown_at(at), one.shown_for or SHOWN_FOR
        signature = one.shown_signature
        if phone is None and claims is not None and claims.phone is not None:
            return Reason.BAD_PHONE_SIGNATURE
    if phone is None:
        return None
    if signature is None or shown_at is None:
        return Reason.NOT_SHOWN_BY_PHONE
    if not verify_p256(phone, signature, one.shown):
        return Reason.BAD_PHONE_SIGNATURE
    return None if -SKEW <= at - shown_at <= lasts + SKEW else Reason.SHOWN_TOO_LONG_AGO


def _judge_times(code: Code, at: datetime) -> Reason:
    first, last = code.period
    if code.claims is not None and code.claims.specimen:
        return Reason.SPECIMEN
    tickets = code.read.tickets if isinstance(code.read, railway.Railway | envelope.Envelope) else ()
    if any(ticket["issuingDetail"]["specimen"] for _, ticket in tickets):
        return Reason.SPECIMEN
    if isinstance(code.read, railway.Railway) and code.read.ends is not None and at > code.read.ends + SKEW:
        return Reason.CODE_EXPIRED
    if first is not None and at + SKEW < first:
        return Reason.NOT_YET_VALID
    if last is not None and at - SKEW >= last:
        return Reason.EXPIRED
    return Reason.OK
