"""What the staff does with services: write, supplement, withdraw, undo; checked whole before anything is stored."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.ondemand import services_store
from mobigo.ondemand.catalogue import source_of
from mobigo.ondemand.checking import Fault, is_over, keep_sound
from mobigo.ondemand.documents import ServiceBody, SupplementBody, to_document, to_service
from mobigo.ondemand.flex_write import check_together
from mobigo.ondemand.model import How
from mobigo.transit.check import VALIDATORS
from mobigo.transit.gtfs import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from psycopg import Connection

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.model import Service
    from mobigo.ondemand.services_store import Revision

ID = re.compile(r"^[^:\s]{1,60}:[^\x00-\x1f\x7f]{1,200}$")
"""``source:route_id``."""


@dataclass(frozen=True)
class Author:
    """Who changes something, when, and which revision they read before; None: whichever."""

    user: str
    now: datetime
    seen: int | None = None


def how_to_book(service: Service, dispatched: frozenset[str]) -> How:
    """Tell where a service is booked: here where vehicles work for it, else on a page, else by telephone."""
    if service.operator is not None and service.id in dispatched:
        return How.HERE
    return How.WEB if any(rule.booking_url for rule in service.rules.values()) else How.PHONE


# ── changes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write(connection: Connection[Any], catalogue: Catalogue, id_: str, body: ServiceBody, author: Author) -> Revision:
    """Write a service as a whole, new or instead of what there was.

    Raises
    ------
    InvalidInput
        When the id is none.
    Refused
        When something in the document is wrong: code ``invalid_service``, every fault in ``faults``.
    Conflict
        When somebody else wrote meanwhile.
    """
    refuse_faults(id_, find_faults(connection, catalogue, id_, body, author.now))
    return _append(connection, id_, services_store.store_whole(body), author)


def add(connection: Connection[Any], catalogue: Catalogue, id_: str, told: SupplementBody, author: Author) -> Revision:
    """Say anew who dispatches a service, what it is to its users, what it promises; the rest stays as it is.

    A service of a feed goes on following its feed.

    Raises
    ------
    NotFound
        When there is no such service.
    Refused
        When something is wrong: code ``invalid_service``, every fault in ``faults``.
    Conflict
        When somebody else wrote meanwhile.
    """
    service = catalogue.get(id_)
    faults = list(_check_supplement(connection, service, told))
    refuse_faults(id_, faults)
    newest = next(iter(services_store.list_revisions(connection, id_)), None)
    document = newest.document if newest else None
    if document is not None and document.get("form") == services_store.WHOLE:
        changed = services_store.supplement(service, told)
        body = ServiceBody.model_validate(to_document(changed).model_dump(mode="json"))
        return _append(connection, id_, services_store.store_whole(body), author)
    before = {name: value for name, value in (document or {}).items() if name != "form"}
    new = told.model_dump(mode="json", exclude_unset=True)
    promise = {**(before.get("promise") or {}), **(new.get("promise") or {})}
    merged = SupplementBody.model_validate({**before, **new, **({"promise": promise} if promise else {})})
    return _append(connection, id_, services_store.store_supplement(merged), author)


def withdraw(
    connection: Connection[Any], catalogue: Catalogue, id_: str, author: Author, *, with_rides: bool = False
) -> Revision:
    """Take a service out of use, also one of a feed; it can be undone.

    Parameters
    ----------
    with_rides : bool
        Although rides of it are booked; they stay booked and are cancelled one by one, by whom it concerns.

    Raises
    ------
    NotFound
        When there is no such service.
    Conflict
        When rides of it are booked, or somebody else wrote meanwhile.
    """
    catalogue.get(id_)
    rides = services_store.count_open_rides(connection, id_)
    if rides and not with_rides:
        raise Conflict(
            f"{rides} rides of {id_} are booked and have not ended; cancel them first, or withdraw it with_rides=true,"
            " which leaves them booked",
            code="service_in_use",
        )
    return services_store.write(connection, id_, None, withdrawn=True, seen=author.seen, by=author.user, now=author.now)


def undo(connection: Connection[Any], id_: str, author: Author, to: int | None = None) -> Revision:
    """Take the last change of a service back, or go back to an earlier revision; 0: as in its feed."""
    return services_store.undo(connection, id_, to=to, seen=author.seen, by=author.user, now=author.now)


def _append(connection: Connection[Any], id_: str, document: dict[str, Any], author: Author) -> Revision:
    return services_store.write(connection, id_, document, seen=author.seen, by=author.user, now=author.now)


# ── checks of what is written ─────────────────────────────────────────────────────────────────────────────────────────


def refuse_faults(id_: str, faults: list[Fault]) -> None:
    """Refuse a document that has faults, naming the first in the sentence and all of them beside it."""
    if not faults:
        return
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise Refused(
        f"service {id_} is not stored: {faults[0].what}{more}",
        code="invalid_service",
        members={"faults": [{"where": one.where, "what": one.what, "code": one.code} for one in faults]},
    )


def find_faults(
    connection: Connection[Any], catalogue: Catalogue, id_: str, body: ServiceBody, now: datetime
) -> list[Fault]:
    """Find everything that is wrong with a document, alone and beside the other services.

    Raises
    ------
    InvalidInput
        When the id is none.
    """
    if not ID.match(id_):
        raise InvalidInput(f"{id_!r} is no id of a service; write it source:name, as auxois:tad")
    service = to_service(id_, body)
    kept, found = keep_sound(service)
    faults = [*_check_form(body), *found, *_check_operator(connection, service.operator)]
    if kept is not None and not faults:
        faults += _check_days(kept, now)
        others = [one for one in catalogue.services.values() if source_of(one.id) == source_of(id_) and one.id != id_]
        try:
            check_together([*others, service])
        except Conflict as error:
            faults.append(Fault(error.code, "trips" if error.code == "duplicate_key" else "timezone", str(error)))
    return faults


def _check_form(body: ServiceBody) -> Iterator[Fault]:
    """Check what is lost once a document is a service: repeated ids, records that name no place or several."""
    yield from _check_repeated(body)
    for trip in body.trips:
        for call in trip.stop_times:
            named = [one for one in (call.stop_id, call.location_group_id, call.location_id) if one is not None]
            if len(named) != 1:
                where = f"trips.{trip.trip_id}.calls.{call.stop_sequence}"
                code = "forbidden_geography_id" if named else "missing_required_field"
                what = f"names {', '.join(named)}" if named else "names no place"
                sentence = f"a record {what}; name one of stop_id, location_group_id and location_id"
                yield Fault(code, where, sentence)
    yield from _check_cells("route", "routes", body.route)
    yield from _check_cells("agency", "agency", body.agency)
    if not body.route.get("route_short_name") and not body.route.get("route_long_name"):
        what = "a route needs a short or a long name; fill route_short_name or route_long_name"
        yield Fault("route_both_short_and_long_name_missing", "route", what)
    for name in ("agency_name", "agency_url"):
        if not body.agency.get(name):
            yield Fault("missing_required_field", f"agency.{name}", f"the agency has no {name}; fill it")


def _check_repeated(body: ServiceBody) -> Iterator[Fault]:
    parts = {
        "calendars": [one.service_id for one in body.calendars],
        "booking_rules": [one.booking_rule_id for one in body.booking_rules],
        "zones": [one.id for one in body.zones],
        "location_groups": [one.location_group_id for one in body.location_groups],
        "stops": [one.stop_id for one in body.stops],
    }
    for name, ids in parts.items():
        for key in (key for key, count in Counter(ids).items() if count > 1):
            yield Fault("duplicate_key", f"{name}.{key}", f"{name} has {key} several times; rename or remove one")
    places = Counter(key for name in ("zones", "location_groups", "stops") for key in set(parts[name]))
    for key in (key for key, count in places.items() if count > 1):
        what = f"stops, groups and zones share one space of ids, and {key} is in it twice; rename one"
        yield Fault("duplicate_geography_id", key, what)


def _check_cells(where: str, file: str, cells: dict[str, str]) -> Iterator[Fault]:
    columns = {column.name: column for column in BY_NAME[file].columns}
    for name, value in cells.items():
        column = columns.get(name)
        validate = VALIDATORS.get(column.kind) if column else None
        code = validate(column, value) if column and validate and value else None
        if code is not None:
            yield Fault(code, f"{where}.{name}", f"{name} is {value!r}, which GTFS does not allow there; correct it")


def _check_operator(connection: Connection[Any], operator: str | None) -> Iterator[Fault]:
    if operator is not None and not services_store.has_operator(connection, operator):
        what = f"there is no operator {operator!r}; write it first at /v1/ondemand/operators, or leave it empty"
        yield Fault("foreign_key_violation", "operator", what)


def _check_days(service: Service, now: datetime) -> Iterator[Fault]:
    if is_over(service, now.astimezone(ZoneInfo(service.timezone)).date()):
        what = f"all calendars of {service.id} ended in the past, so it would never run; correct their days"
        yield Fault("expired_calendar", "calendars", what)


def _check_supplement(connection: Connection[Any], service: Service, told: SupplementBody) -> Iterator[Fault]:
    yield from _check_operator(connection, told.operator)
    try:
        services_store.supplement(service, told)
    except ValidationError as error:
        for one in error.errors():
            where = ".".join(str(part) for part in one["loc"])
            yield Fault("number_out_of_range", f"promise.{where}", f"promise.{where}: {one['msg']}; correct it")


def list_history(connection: Connection[Any], id_: str) -> list[Revision]:
    """List what the staff wrote of a service, newest first.

    Raises
    ------
    NotFound
        When nobody wrote anything.
    """
    found = services_store.list_revisions(connection, id_)
    if not found:
        raise NotFound(f"nobody changed an on-demand service {id_!r} here", code="unknown_service")
    return found
