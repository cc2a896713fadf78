"""TripRequest and TripRefineRequest: journeys from door to door, and one of them looked up again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mobigo.facades.ojp.legs import Wanted, write_fare, write_summary, write_trip
from mobigo.facades.ojp.view import PT_MODES, UnknownPlaceRef
from mobigo.facades.ojp.wire import error
from mobigo.journeys import api as journeys_api
from mobigo.journeys import service
from mobigo.journeys.model import Access, Criterion, Mode, Realtime, Reason
from mobigo.journeys.parameters import Asked
from mobigo.journeys.refresh import refresh
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.opendata.siri_xml import trim, unframe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mobigo.facades.ojp.view import View
    from mobigo.facades.ojp.wire import Node
    from mobigo.journeys.model import Journey, JourneyRequest, Plan
    from mobigo.opendata.siri_xml import Tree

MOST, USUAL = 30, 6
"""Trips of one answer."""
BUDGET_MS = 3_000
"""Of computing."""
WALK_SPEED = 1.2
"""Metres per second of a hundred percent."""
REALTIME = {"full": Realtime.ON, "explanatory": Realtime.ANNOTATE, "none": Realtime.OFF}
CRITERIA = {
    "leastWalking": Criterion.WALKING,
    "leastCost": Criterion.PRICE,
    "environmentalSafety": Criterion.CO2,
}
"""What trips compete over besides, by OptimisationMethod."""
LEVEL = ("NoSingleStep", "NoStairs", "LevelEntrance", "LevelEntranceOrBoardingAid")
"""Wishes that a wheelchair has."""
OWN_WAYS = {
    "foot": ([Access.WALK], Mode.WALK, "max_walk_minutes"),
    "bicycle": ([Access.BICYCLE], Mode.BICYCLE, "max_ride_minutes"),
    "car": ([Access.CAR_PARK, Access.CAR_DROP_OFF], Mode.CAR, "max_drive_minutes"),
}
"""By PersonalMode: to the stop, all the way, and how long at most."""
REASONS = {
    Reason.OUTSIDE_AREA: "TRIP_ORIGINUNKNOWN",
    Reason.OUTSIDE_SERVICE_PERIOD: "TRIP_DATEOUTOFRANGE",
}
"""All others are TRIP_NOTRIPFOUND."""
SAID = {
    Reason.OUTSIDE_AREA: "an end is near no street and no stop that is known here",
    Reason.NO_STOP_IN_RANGE: "no stop within the longest walk of an end",
    Reason.NO_SERVICE_THAT_DAY: "nothing runs on that day",
    Reason.WALKING_BETTER: "walking arrives first",
    Reason.NOTHING_IN_WINDOW: "vehicles run, but none makes this trip in the time asked for",
    Reason.NO_CONNECTION: "vehicles run, but none makes this trip on any of the days looked at",
    Reason.OUTSIDE_SERVICE_PERIOD: "the day lies outside the timetables that are loaded",
    Reason.FILTERED_OUT: "there are trips, but none fits everything that was asked besides",
    Reason.NO_ACCESSIBLE_PATH: "there are trips, but none possible in a wheelchair as far as is known",
    Reason.BUDGET_REACHED: "the time for computing was over before anything was found",
}


class Miss(Exception):
    """A request that cannot be answered, with OJP's word for why."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.tree: Tree = {"ErrorCondition": error("TripProblemType", code, sentence)}


def answer(view: View, asked: Node) -> Tree:
    """Answer a request for trips."""
    try:
        question = _read(view, asked)
    except Miss as miss:
        return miss.tree
    params = asked.child("Params")
    before, after = _numbers(params)
    found = _plan(view, replace(question, most=max(after, 1)))
    trips = [one for one in found.journeys if after] + [one for one in found.direct if after]
    if before and found.earlier is not None:
        earlier = _plan(view, replace(question, most=before, cursor=found.earlier)).journeys
        trips = [*sorted(earlier, key=lambda one: one.departure)[-before:], *trips]
    if not trips:
        reason = found.reason or Reason.NO_CONNECTION
        following = f"; the next leaves at {found.next_departure.isoformat()}" if found.next_departure else ""
        return Miss(REASONS.get(reason, "TRIP_NOTRIPFOUND"), SAID[reason] + following).tree
    return write_results(view, trips, params)


def _plan(view: View, question: JourneyRequest) -> Plan:
    request, network, now = view.request, view.network, view.now
    found = service.plan(
        network,
        question,
        journeys_api.hail(request, network, question, now),
        journeys_api.lift(request, network, question, now),
        journeys_api.till(request, question, now),
    )
    request.app.state.notes.note(request, network, question, found, now)
    return found


def write_results(view: View, trips: Iterable[Journey], params: Node | None) -> Tree:
    """Write trips as they were wanted; their context first, as the schema has it."""
    wanted = read_wanted(params)
    results = []
    for journey in trips:
        told: Tree = (
            {"TripSummary": write_summary(view, journey)}
            if wanted.brief
            else {"Trip": write_trip(view, journey, wanted)}
        )
        fare = write_fare(journey.priced, view.language) if wanted.fares and journey.priced else None
        results.append(trim({"Id": journey.id} | told | {"TripFare": fare or None}))
    context = view.context(
        places=params is None or params.flag("IncludePlacesContext", default=True),
        situations=params is None or params.flag("IncludeSituationsContext", default=True),
    )
    return trim({"TripResponseContext": context, "TripResult": results})


def read_wanted(params: Node | None) -> Wanted:
    """Read what the trips shall hold."""
    if params is None:
        return Wanted()
    return Wanted(
        stops=params.flag("IncludeIntermediateStops"),
        tracks=params.flag("IncludeLegProjection"),
        sections=params.flag("IncludeTrackSections"),
        turns=params.flag("IncludeTurnDescription"),
        fares=params.flag("IncludeFare"),
        brief=params.flag("TripSummaryOnly"),
    )


def _numbers(params: Node | None) -> tuple[int, int]:
    """How many trips before the instant, and from it on."""
    if params is None:
        return 0, USUAL
    before, after = params.number("NumberOfResultsBefore", 0, MOST), params.number("NumberOfResultsAfter", -1, MOST)
    if after < 0:
        after = 0 if before else params.number("NumberOfResults", USUAL, MOST)
    return before, after if before else max(1, after)


def _read(view: View, asked: Node) -> JourneyRequest:
    """Turn a request into a question to the planner.

    Raises
    ------
    Miss
        When an end is missing or unknown, or what is asked for is not done here.
    """
    origins, destinations = asked.all("Origin"), asked.all("Destination")
    for ends, code in ((origins, "TRIP_NOORIGIN"), (destinations, "TRIP_NODESTINATION")):
        if not ends:
            raise Miss(code, "a TripRequest has an Origin and a Destination")
        if len(ends) > 1 or ends[0].child("PlaceRef") is None:
            raise Miss("TRIP_OTHER", "one Origin and one Destination are taken, each with a PlaceRef")
    if asked.child("NotVia") is not None:
        raise Miss("TRIP_OTHER", "NotVia is not done here; NoChangeAt keeps trips from changing at a stop")
    start, end = origins[0], destinations[0]
    leaving, arriving = start.instant("DepArrTime"), end.instant("DepArrTime")
    fields: dict[str, Any] = {
        "from": _find(view, start, "TRIP_ORIGINUNKNOWN"),
        "to": _find(view, end, "TRIP_DESTINATIONUNKNOWN"),
        "arrive_by": leaving is None and arriving is not None,
        "via": [_find(view, one, "TRIP_VIAUNKNOWN", "ViaPoint") for one in asked.all("Via")],
        "via_minutes": [-(-(one.seconds("DwellTime") or 0) // 60) for one in asked.all("Via")],
        "forbid": [f"stop:{_find(view, one, 'TRIP_NOCHANGEATUNKNOWN', '')}" for one in asked.all("NoChangeAt")],
        "budget_ms": BUDGET_MS,
    }
    at = leaving or arriving
    if at is not None:
        fields["at"] = at.isoformat()
    if fields["from"] == fields["to"]:
        raise Miss("TRIP_ORIGINDESTINATIONIDENTICAL", "the trip ends where it begins")
    _read_ways(fields, "access", start)
    _read_ways(fields, "egress", end)
    params = asked.child("Params")
    if params is not None:
        _read_params(fields, params)
    try:
        return Asked.model_validate(fields).request(view.now, view.network.manifest.zone)
    except ValidationError as wrong:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors())
        raise Miss("TRIP_OTHER", said) from wrong


def _find(view: View, node: Node, code: str, path: str = "PlaceRef") -> str:
    try:
        return view.find_place(node.child(path) if path else node)
    except UnknownPlaceRef as unknown:
        raise Miss(code, str(unknown)) from unknown


def _read_ways(fields: dict[str, Any], side: str, end: Node) -> None:
    """Read how one gets to the first stop, or from the last, and whether all the way."""
    ways: list[Access] = []
    for option in end.all("IndividualTransportOption"):
        mode = option.text("ItModeAndModeOfOperation/PersonalMode") or ""
        known = OWN_WAYS.get(mode)
        if known is None:
            raise Miss("TRIP_OTHER", f"PersonalMode {mode!r} is none of {', '.join(OWN_WAYS)}")
        ways += known[0]
        fields.setdefault("direct", []).append(known[1])
        longest = option.seconds("MaxDuration")
        if longest is not None:
            fields[known[2]] = min(120, max(0, longest // 60))
    if ways:
        fields[side] = list(dict.fromkeys(ways))
        fields["direct"] = list(dict.fromkeys(fields["direct"]))


def _read_params(fields: dict[str, Any], params: Node) -> None:
    """Read filters and policies."""
    for chosen in params.all("ModeAndModeOfOperationFilter"):
        _read_modes(fields, chosen)
    lines = params.child("LineFilter")
    if lines is not None:
        named = [f"line:{unframe(one)}" for one in lines.texts("Line/LineRef")]
        _filter(fields, named, exclude=lines.flag("Exclude", default=True))
    operators = params.child("OperatorFilter")
    if operators is not None:
        named = [f"agency:{unframe(one)}" for one in operators.texts("OperatorRef")]
        _filter(fields, named, exclude=operators.flag("Exclude", default=True))
    fields["wheelchair"] = any(params.flag(one) for one in LEVEL)
    fields["bicycle_aboard"] = params.flag("BikeTransport")
    speed = params.number("WalkSpeed", 100, 1000)
    fields["walk_speed"] = min(3.0, max(0.3, WALK_SPEED * speed / 100))
    slack = params.seconds("AdditionalTransferTime")
    if slack is not None:
        fields["slack_minutes"] = min(120, -(-slack // 60))
    fields["max_transfers"] = params.number("TransferLimit", 15, 15)
    window = params.seconds("TimeWindow")
    if window is not None:
        fields["window_minutes"] = min(1440, window // 60)
    fields["realtime"] = REALTIME.get(params.text("UseRealtimeData") or "full", Realtime.ON)
    fields["criterion"] = CRITERIA.get(params.text("OptimisationMethod") or "")


def _read_modes(fields: dict[str, Any], chosen: Node) -> None:
    """Read a filter of modes; who leaves out what is booked names its mode of operation."""
    exclude = chosen.flag("Exclude", default=True)
    words = chosen.texts("PtMode")
    known = {word: mode for mode, word in PT_MODES.items()} | {"ferry": Mode.FERRY}
    named = [f"mode:{known[word]}" for word in words if word in known]
    if words and not named and not exclude:
        raise Miss("TRIP_NOTRIPFOUND", f"nothing of PtMode {', '.join(words)} runs here")
    _filter(fields, named, exclude=exclude)
    operations = [*chosen.texts("ConventionalModeOfOperation"), *chosen.texts("AlternativeModeOfOperation")]
    if exclude and "demandResponsive" in operations:
        fields["ondemand"] = "off"
    if exclude and "pooling" in operations:
        fields["carpool"] = "off"


def _filter(fields: dict[str, Any], named: list[str], *, exclude: bool) -> None:
    side = "forbid" if exclude else "only"
    fields[side] = [*fields.get(side, []), *named]


def refine(view: View, asked: Node) -> Tree:
    """Answer a request to look a trip up again: its id holds all that is needed."""
    id_ = asked.text("TripResult/Trip/Id") or asked.text("TripResult/TripSummary/TripId")
    if id_ is None:
        raise InvalidInput("a TripRefineRequest holds the TripResult it is about")
    params = asked.child("RefineParams")
    realtime = REALTIME.get((params.text("UseRealtimeData") if params else None) or "full", Realtime.ON)
    state, network, now = view.request.app.state, view.network, view.now
    try:
        found = refresh(network, id_, now, realtime, state.hails.at(network, now), lift=state.lifts.at(network, now))
    except NotFound as unknown:
        return Miss("REFINE_OBJECTNOTFOUND", str(unknown)).tree
    return write_results(view, (found.journey,), params)
