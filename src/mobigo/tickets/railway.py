"""Barcodes as railways read them: header U1 or U2 around ticket data FCB (UIC IRS 90918-9), drawn as Aztec.

Ours are U2 with FCB 3, signed with ECDSA on P-256. What others need stands in the standard's own members; what only
our validators judge by stands beside it in an extension, as the same claims that our compact codes hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.tickets.claims import Claims, pack, unpack
from mobigo.tickets.layouts import find_layout
from mobigo.tickets.model import Malformed, TravelClass
from mobigo.tickets.uper import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOCAL = ZoneInfo("Europe/Paris")
"""Where validity is local to."""

EXTENSION = "*MBG1"
"""Under which our claims stand in a ticket's data."""

VERSIONS = {"U1": 1, "U2": 2}
TICKETS = {"FCB1": 1, "FCB2": 2, "FCB3": 3}
DYNAMIC = "FDC1"
P256, ECDSA_SHA256 = "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"

FRANCE = 250
"""Numeric country code of ISO 3166."""

OLDEST, NEWEST = -367, 700
"""Days from the day of issue on which validity may begin."""

LONGEST = 500
"""Days that validity may last."""

_PASSENGERS = {"adult", "senior", "child", "youth"}


@dataclass(frozen=True)
class Sale:
    """What was paid, as a barcode says it."""

    cents: int
    currency: str
    vat_permille: int


@dataclass(frozen=True)
class Railway:
    """A barcode, read but not believed."""

    header: str
    """``U1`` or ``U2``."""
    issuer: str
    """Who signed it: RICS code or word."""
    kid: int | None
    tickets: tuple[tuple[int, Mapping[str, Any]], ...]
    """Ticket data with their major version."""
    claims: Claims | None
    """Ours, where it holds them."""
    signed: bytes
    signature: bytes | None
    ends: datetime | None
    """After which it has to be drawn anew."""
    shown_for: timedelta | None
    """How long it is good after it was shown."""
    phone: bytes | None
    """Public key of the phone that must show it."""
    shown: bytes
    """What the phone has signed."""
    shown_signature: bytes | None
    shown_day: tuple[int, int] | None
    """Day of the year and second of the day at which it was shown."""

    def find_shown_at(self, near: datetime) -> datetime | None:
        """Tell when it was shown: the moment of that day and time which lies nearest to another."""
        if self.shown_day is None:
            return None
        day, second = self.shown_day
        years = (near.year - 1, near.year, near.year + 1)
        moments = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day - 1, seconds=second) for year in years]
        return min(moments, key=lambda one: abs(one - near))


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(
    claims: Claims, sale: Sale, *, kid: int, issuer: str, phone: bytes | None, shown_for: timedelta
) -> tuple[dict[str, Any], bytes]:
    """Return the first level of a barcode, and what is to be signed of it.

    Parameters
    ----------
    phone : bytes, optional
        Public key of the phone that must show it, as SubjectPublicKeyInfo.
    """
    level: dict[str, Any] = {
        **_name_issuer("securityProvider", issuer),
        "keyId": kid,
        "dataSequence": [{"dataFormat": "FCB3", "data": write_ticket(claims, sale, issuer)}],
        "level1KeyAlg": P256,
        "level1SigningAlg": ECDSA_SHA256,
    }
    if phone is not None:
        level |= {
            "level2KeyAlg": P256,
            "level2SigningAlg": ECDSA_SHA256,
            "level2PublicKey": phone,
            "validityDuration": int(shown_for.total_seconds()),
        }
    return level, encode(find_layout("Level1DataType", 2), level)


def write(level: Mapping[str, Any], signature: bytes) -> bytes:
    """Write a barcode from its first level and the signature of it."""
    signed = {"level1Data": level, "level1Signature": signature}
    return encode(find_layout("UicBarcodeHeader", 2), {"format": "U2", "level2SignedData": signed})


def show(data: bytes, at: datetime, sign: Callable[[bytes], bytes], *, app: str = "mobigo") -> bytes:
    """Write a barcode as a phone shows it at a moment.

    Parameters
    ----------
    sign : callable
        Signs with the phone's key (ECDSA on P-256 with SHA-256, as DER).
    """
    header = decode(find_layout("UicBarcodeHeader", 2), data)
    moment = at.astimezone(UTC)
    stamp = {
        "day": moment.timetuple().tm_yday,
        "time": int((moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()),
    }
    dynamic = {"dynamicContentMobileAppId": app, "dynamicContentTimeStamp": stamp}
    content = encode(find_layout("UicDynamicContentData", 1), dynamic)
    signed = header["level2SignedData"] | {"level2Data": {"dataFormat": DYNAMIC, "data": content}}
    signature = sign(encode(find_layout("Level2DataType", 2), signed))
    return encode(
        find_layout("UicBarcodeHeader", 2), header | {"level2SignedData": signed, "level2Signature": signature}
    )


def write_ticket(claims: Claims, sale: Sale, issuer: str) -> bytes:
    """Write ticket data, FCB 3."""
    issued = claims.issued_at.astimezone(UTC)
    named = [claims.holder] if claims.holder else []
    ticket = {
        "issuingDetail": {
            **_name_issuer("securityProvider", issuer),
            "issuingYear": issued.year,
            "issuingDay": issued.timetuple().tm_yday,
            "issuingTime": 60 * issued.hour + issued.minute,
            "issuerName": "mobigo",
            "specimen": claims.specimen,
            "securePaperTicket": False,
            "activated": claims.valid_from is not None,
            "currency": sale.currency,
        },
        "transportDocument": [{"ticket": ("openTicket", _open_ticket(claims, sale, issuer))}],
    }
    if named:
        ticket["travelerDetail"] = {"traveler": [_traveller(one.name, one.born) for one in named]}
        ticket["controlDetail"] = {
            "identificationByIdCard": True,
            "identificationByPassportId": False,
            "passportValidationRequired": False,
            "onlineValidationRequired": False,
            "ageCheckRequired": False,
            "reductionCardCheckRequired": False,
        }
    return encode(find_layout("UicRailTicketData", 3), ticket)


def _open_ticket(claims: Claims, sale: Sale, issuer: str) -> dict[str, Any]:
    where = [*claims.networks, *claims.areas, *claims.routes]
    tariff: dict[str, Any] = {
        "numberOfPassengers": min(claims.fellows, 200),
        "restrictedToCountryOfResidence": False,
        "tariffDesc": claims.category,
    }
    if claims.category in _PASSENGERS:
        tariff["passengerType"] = claims.category
    ticket: dict[str, Any] = {
        "referenceIA5": claims.id,
        **_name_issuer("productOwner", issuer),
        "returnIncluded": False,
        **_validity(claims),
        "classCode": "first" if claims.travel_class is TravelClass.FIRST else "second",
        "tariffs": [tariff],
        "price": sale.cents,
        "extension": {"extensionId": EXTENSION, "extensionData": pack(claims)},
    }
    if claims.product.isascii():
        ticket["productIdIA5"] = claims.product
    if claims.agencies and all(one.isascii() for one in claims.agencies):
        ticket["carrierIA5"] = list(claims.agencies)
    if claims.origin:
        ticket["fromStationNameUTF8"] = claims.origin
    if claims.destination:
        ticket["toStationNameUTF8"] = claims.destination
    if where:
        ticket["validRegionDesc"] = ", ".join(where)
    if sale.vat_permille:
        vat = sale.cents - round(sale.cents * 1000 / (1000 + sale.vat_permille))
        ticket["vatDetail"] = [{"country": FRANCE, "percentage": sale.vat_permille, "amount": vat}]
    return ticket


def _validity(claims: Claims) -> dict[str, Any]:
    """Say from when to when, in days from the day of issue and minutes of local days."""
    issued = claims.issued_at.astimezone(UTC).date()
    first = (claims.valid_from or claims.issued_at).astimezone(LOCAL)
    days = min(max((first.date() - issued).days, OLDEST), NEWEST)
    said: dict[str, Any] = {"validFromDay": days, "validFromTime": 60 * first.hour + first.minute}
    if claims.valid_until is not None:
        last = claims.valid_until.astimezone(LOCAL)
        length = (last.date() - first.date()).days
        if length <= LONGEST:
            return said | {"validUntilDay": max(length, -1), "validUntilTime": 60 * last.hour + last.minute}
    return said | {"validUntilDay": LONGEST}


def _traveller(name: str, born: date | None) -> dict[str, Any]:
    said: dict[str, Any] = {"lastName": name, "ticketHolder": True}
    if born is not None and 1901 <= born.year <= 2155:  # noqa: PLR2004 - what the standard can say
        said |= {"yearOfBirth": born.year, "monthOfBirth": born.month, "dayOfBirthInMonth": born.day}
    return said


def _name_issuer(name: str, issuer: str) -> dict[str, Any]:
    return {f"{name}Num": int(issuer)} if issuer.isdecimal() else {f"{name}IA5": issuer}


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(data: bytes) -> Railway:
    """Read a barcode.

    Raises
    ------
    Malformed
        When it is none, or not written canonically.
    """
    for word, version in VERSIONS.items():
        layout = find_layout("UicBarcodeHeader", version)
        try:
            header = decode(layout, data)
        except Malformed:
            continue
        if header["format"] == word and encode(layout, header) == data:
            return _read_header(word, version, header)
    raise Malformed("no barcode with a header U1 or U2")


def read_bare(data: bytes) -> tuple[int, dict[str, Any]]:
    """Read ticket data without a header; return their major version and content.

    Raises
    ------
    Malformed
        When they are none of any version.
    """
    for version in (3, 2, 1):
        layout = find_layout("UicRailTicketData", version)
        try:
            ticket: dict[str, Any] = decode(layout, data)
        except Malformed:
            continue
        if encode(layout, ticket) == data:
            return version, ticket
    raise Malformed("no ticket data FCB")


def _read_header(word: str, version: int, header: Mapping[str, Any]) -> Railway:
    second = header["level2SignedData"]
    first = second["level1Data"]
    tickets = tuple(
        (TICKETS[one["dataFormat"]], decode(find_layout("UicRailTicketData", TICKETS[one["dataFormat"]]), one["data"]))
        for one in first["dataSequence"]
        if one["dataFormat"] in TICKETS
    )
    dynamic = second.get("level2Data")
    stamp = None
    if dynamic is not None and dynamic["dataFormat"] == DYNAMIC:
        content = decode(find_layout("UicDynamicContentData", 1), dynamic["data"])
        stamp = content.get("dynamicContentTimeStamp")
    seconds = first.get("validityDuration")
    return Railway(
        header=word,
        issuer=str(first.get("securityProviderNum") or first.get("securityProviderIA5") or ""),
        kid=first.get("keyId"),
        tickets=tickets,
        claims=_find_claims(tickets),
        signed=encode(find_layout("Level1DataType", version), first),
        signature=second.get("level1Signature"),
        ends=_read_end(first),
        shown_for=None if seconds is None else timedelta(seconds=seconds),
        phone=first.get("level2PublicKey"),
        shown=encode(find_layout("Level2DataType", version), second),
        shown_signature=header.get("level2Signature"),
        shown_day=stamp and (stamp["day"], stamp["time"]),
    )


def _read_end(first: Mapping[str, Any]) -> datetime | None:
    if "endOfValidityYear" not in first:
        return None
    days, minutes = first.get("endOfValidityDay", 366), first.get("endOfValidityTime", 1439)
    return datetime(first["endOfValidityYear"], 1, 1, tzinfo=UTC) + timedelta(days=days - 1, minutes=minutes)


def _find_claims(tickets: tuple[tuple[int, Mapping[str, Any]], ...]) -> Claims | None:
    for _, ticket in tickets:
        for document in ticket.get("transportDocument", []):
            _, content = document["ticket"]
            extension = content.get("extension") if isinstance(content, dict) else None
            if extension and extension["extensionId"] == EXTENSION:
                return unpack(extension["extensionData"])
    return None


def read_period(ticket: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Tell from when to when the first document of ticket data is good; None: they do not say."""
    issuing = ticket["issuingDetail"]
    issued = date(issuing["issuingYear"], 1, 1) + timedelta(days=issuing["issuingDay"] - 1)
    for document in ticket.get("transportDocument", []):
        kind, content = document["ticket"]
        if kind in {"openTicket", "pass", "counterMark", "stationPassage", "fipTicket"}:
            return _read_days(issued, content)
        if kind == "reservation":
            first = issued + timedelta(days=content["departureDate"])
            return _at(first, 0), _at(first + timedelta(days=content["arrivalDate"] + 1), 0)
        if kind in {"voucher", "customerCard"}:
            return _read_years(content, counted=kind == "customerCard")
    return None, None


def _read_days(issued: date, content: Mapping[str, Any]) -> tuple[datetime, datetime]:
    first = issued + timedelta(days=content["validFromDay"])
    last = first + timedelta(days=content["validUntilDay"])
    offset = content.get("validFromUTCOffset")
    return (
        _at(first, content.get("validFromTime", 0), offset),
        _at(last, content.get("validUntilTime", 1439), content.get("validUntilUTCOffset", offset))
        + timedelta(minutes=1),
    )


def _read_years(content: Mapping[str, Any], *, counted: bool) -> tuple[datetime, datetime]:
    first = date(content["validFromYear"], 1, 1) + timedelta(days=content.get("validFromDay", 1) - 1)
    year = content["validUntilYear"] + (content["validFromYear"] if counted else 0)
    last = date(min(year, 9990), 1, 1) + timedelta(days=content.get("validUntilDay", 366) - 1)
    return _at(first, 0), _at(last + timedelta(days=1), 0)


def _at(day: date, minutes: int, offset: int | None = None) -> datetime:
    """Return an instant: local, or by the offset to UTC in quarters of an hour."""
    if offset is not None:
        return datetime.combine(day, time(), UTC) + timedelta(minutes=minutes + 15 * offset)
    local = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return local.replace(tzinfo=LOCAL).astimezone(UTC)


def to_json(value: Any) -> Any:  # noqa: ANN401 - whatever a layout says
    """Say what was read in JSON: bytes as hexadecimal digits, a choice as an object of one member."""
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {str(name): to_json(one) for name, one in value.items()}
        case list():
            return [to_json(one) for one in value]
        case (str(name), one):
            return {name: to_json(one)}
    return value
