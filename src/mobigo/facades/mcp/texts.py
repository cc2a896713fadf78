"""The tools' answers in a few short lines, in French and in English: what a person would be told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mobigo.fares.explain import say_money
from mobigo.journeys.model import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from mobigo.facades.mcp import answers

SENTENCES: Mapping[str, tuple[str, str]] = {
    "places": ("{n} lieu(x) :", "{n} place(s):"),
    "no_place": ("Aucun lieu de ce nom ici.", "No place of this name here."),
    "place": ("- {label} ({kind}), id {id}", "- {label} ({kind}), id {id}"),
    "stop": ("arrêt", "stop"),
    "commune": ("commune", "commune"),
    "address": ("adresse", "address"),
    "poi": ("lieu", "place"),
    "way": ("De {origin} à {destination} :", "From {origin} to {destination}:"),
    "journey": (
        "{n}. {departure} - {arrival} ({lasting}), {changes}{price}",
        "{n}. {departure} - {arrival} ({lasting}), {changes}{price}",
    ),
    "direct": ("sans changement", "no change"),
    "one_change": ("1 changement", "1 change"),
    "changes": ("{n} changements", "{n} changes"),
    "on_foot": ("à pied", "on foot"),
    "price": (", {money}", ", {money}"),
    "price_part": (", {money} et des trajets sans prix connu", ", {money} and rides whose price is not known"),
    "example": (" (tarif d'exemple)", " (example price)"),
    "walk": ("   {departure} à pied jusqu'à {end}, {lasting}", "   {departure} walk to {end}, {lasting}"),
    "ride": (
        "   {departure} {what} de {start}{platform} à {end}, {arrival}{live}",
        "   {departure} {what} from {start}{platform} to {end}, {arrival}{live}",
    ),
    "platform": (" (quai {platform})", " (platform {platform})"),
    "towards": (" vers {headsign}", " towards {headsign}"),
    "on_time": (", à l'heure", ", on time"),
    "late": (", +{n} min", ", +{n} min"),
    "early": (", -{n} min", ", -{n} min"),
    "canceled": (", SUPPRIMÉ", ", CANCELLED"),
    "missed": (", correspondance manquée", ", change missed"),
    "skipped": (", ne s'arrête pas", ", does not call"),
    "book": ("     à réserver avant {until}{where}", "     to be booked before {until}{where}"),
    "book_phone": (", par téléphone {phone}", ", by telephone {phone}"),
    "book_url": (", sur {url}", ", at {url}"),
    "book_here": (", sur les pages de ce service", ", on the pages of this service"),
    "call_before": ("     appeler avant le {phone}", "     call {phone} before"),
    "not_booked": (
        "Rien n'est réservé ni payé ici ; les trajets à réserver le sont comme indiqué.",
        "Nothing is booked or paid here; rides to be booked are booked as said.",
    ),
    "alert": ("! {text}", "! {text}"),
    "none": ("Aucun trajet : {reason}.", "No journey: {reason}."),
    "next": ("Prochain départ possible : {at}.", "Next possible departure: {at}."),
    "previous": ("Départ précédent : {at}.", "Previous departure: {at}."),
    "suggestion": (
        "En changeant {parameter} ({value}), il y en a un à {at}.",
        "Changing {parameter} ({value}), there is one at {at}.",
    ),
    "without": ("sans", "none"),
    "not_now": (
        "{name} y va mais ne peut pas être réservé pour cette heure{next}{phone}.",
        "{name} goes there but cannot be booked for this time{next}{phone}.",
    ),
    "not_now_next": (", le prochain départ réservable est à {at}", ", the next that can be booked leaves at {at}"),
    "not_now_phone": (", téléphone {phone}", ", telephone {phone}"),
    "outside_area": ("un des lieux est hors de la région connue", "one of the places is outside the region known here"),
    "no_stop_in_range": ("aucun arrêt assez proche à pied", "no stop within walking distance"),
    "no_service_that_day": ("rien ne circule ce jour-là", "nothing runs on that day"),
    "walking_better": ("à pied on arrive plus tôt", "walking arrives earlier"),
    "nothing_in_window": ("rien ne part dans le temps demandé", "nothing leaves in the time asked for"),
    "no_connection": ("aucune liaison les jours regardés", "no connection on the days looked at"),
    "outside_service_period": ("les horaires ne couvrent pas ce jour", "the timetables do not cover this day"),
    "filtered_out": ("aucun ne répond à tous les souhaits", "none fits all that was asked"),
    "no_accessible_path": ("aucun de faisable en fauteuil roulant", "none that is possible in a wheelchair"),
    "budget_reached": ("le temps de calcul est écoulé", "the time for computing was over"),
    "board": ("{stop}, départs à partir de {at} :", "{stop}, departures from {at} on:"),
    "nobody": ("Aucun départ d'ici {at}.", "No departure until {at}."),
    "departure": ("- {at} {what}{platform}{live}", "- {at} {what}{platform}{live}"),
    "planned_only": ("Horaires théoriques : pas de données en direct.", "By the timetable: no live data."),
    "quiet": ("Aucune perturbation connue.", "No disturbance known."),
    "announced": ("(annoncé) ", "(announced) "),
    "about": (" [{what}]", " [{what}]"),
    "reach": ("Depuis {place} :", "From {place}:"),
    "reach_by": ("Pour être à {place} :", "To be at {place}:"),
    "band": (
        "- en {minutes} min : {communes} communes, {population} habitants, {stops} arrêts",
        "- within {minutes} min: {communes} communes, {population} people, {stops} stops",
    ),
    "reached": ("{name} {minutes} min", "{name} {minutes} min"),
    "incomplete": ("Le calcul a été arrêté : il peut y avoir mieux.", "Computing was stopped: there may be more."),
    "holds": ("Le trajet tient.", "The journey holds."),
    "broken": ("Le trajet ne tient plus.", "The journey no longer holds."),
    "over": ("Le trajet est passé.", "The journey is over."),
    "instead": ("À la place :", "Instead:"),
    Mode.TRAM: ("tram", "tram"),
    Mode.SUBWAY: ("métro", "metro"),
    Mode.RAIL: ("train", "train"),
    Mode.BUS: ("bus", "bus"),
    Mode.COACH: ("car", "coach"),
    Mode.FERRY: ("bateau", "ferry"),
    Mode.CABLE_CAR: ("téléphérique", "cable car"),
    Mode.FUNICULAR: ("funiculaire", "funicular"),
    Mode.AIR: ("avion", "plane"),
    Mode.TAXI: ("taxi", "taxi"),
    Mode.OTHER: ("transport", "transport"),
    Mode.BICYCLE: ("vélo", "bicycle"),
    Mode.SHARED_BICYCLE: ("vélo partagé", "shared bicycle"),
    Mode.CAR: ("voiture", "car"),
    Mode.ON_DEMAND: ("transport à la demande", "transport on demand"),
    Mode.CARPOOL: ("covoiturage", "carpool"),
}
"""French, English."""

MINUTE, HOUR = 60, 3600
REACHED = 12
"""Communes that are named in words."""


class Speaker:
    """Says things in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._at = 0 if language == "fr" else 1

    def __call__(self, key: str, **values: object) -> str:
        """Say a sentence, with values put in."""
        return SENTENCES[key][self._at].format(**values)

    def choose(self, said: Mapping[str, str]) -> str:
        """Choose among languages: ours, the one that is not named, any."""
        return said.get(self.language) or said.get("") or next(iter(said.values()), "")


def local(seconds: int, zone: ZoneInfo) -> datetime:
    """Return an instant (seconds since 1970 UTC) in a zone."""
    return datetime.fromtimestamp(seconds, zone)


def _hour(at: datetime) -> str:
    return f"{at:%H:%M}"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _lasting(span: timedelta) -> str:
    minutes = max(1, round(span.total_seconds() / MINUTE))
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02}" if hours else f"{minutes} min"


def say_places(answer: answers.PlacesFound, language: str) -> str:
    """Name the places found."""
    say = Speaker(language)
    if not answer.places:
        return say("no_place")
    named = [say("place", label=one.label, kind=say(one.kind), id=one.id) for one in answer.places]
    return "\n".join([say("places", n=len(named)), *named])


def say_journeys(answer: answers.JourneysFound, language: str) -> str:
    """Tell the journeys, or why there are none."""
    say = Speaker(language)
    lines = [say("way", origin=answer.origin, destination=answer.destination)]
    for n, journey in enumerate(answer.journeys, 1):
        lines += _say_journey(say, n, journey)
    if answer.reason is not None:
        lines.append(say("none", reason=say(answer.reason)))
        lines += [say("next", at=_day(answer.next_departure))] if answer.next_departure else []
        lines += [say("previous", at=_day(answer.previous_departure))] if answer.previous_departure else []
        lines += [
            say("suggestion", parameter=one.parameter, value=one.value or say("without"), at=_day(one.departure))
            for one in answer.suggestions
        ]
    for service in answer.not_now:
        following = say("not_now_next", at=_day(service.next_departure)) if service.next_departure else ""
        phone = say("not_now_phone", phone=service.phone) if service.phone else ""
        lines.append(say("not_now", name=service.name, next=following, phone=phone))
    lines += _say_alerts(say, answer.alerts)
    if any(leg.booking for journey in answer.journeys for leg in journey.legs):
        lines.append(say("not_booked"))
    return "\n".join(lines if answer.complete else [*lines, say("incomplete")])


def _say_journey(say: Speaker, n: int, journey: answers.Found) -> list[str]:
    rides = [leg for leg in journey.legs if leg.mode is not Mode.WALK]
    changes = (
        say("on_foot")
        if not rides
        else say("direct")
        if not journey.transfers
        else say("one_change")
        if journey.transfers == 1
        else say("changes", n=journey.transfers)
    )
    head = say(
        "journey",
        n=n,
        departure=_day(journey.departure),
        arrival=_hour(journey.arrival),
        lasting=_lasting(journey.lasting),
        changes=changes,
        price=_say_price(say, journey.price),
    )
    return [head, *(line for leg in journey.legs for line in _say_leg(say, leg))]


def _say_price(say: Speaker, price: answers.Price | None) -> str:
    if price is None:
        return ""
    money = say_money(price.cents, price.currency, say.language)
    said = say("price" if price.complete else "price_part", money=money)
    return said + (say("example") if price.demonstration else "")


def _say_leg(say: Speaker, leg: answers.Leg) -> list[str]:
    departure = _hour(leg.departure)
    if leg.mode is Mode.WALK:
        return [say("walk", departure=departure, end=leg.to.name, lasting=_lasting(leg.arrival - leg.departure))]
    what = f"{say(leg.mode)} {leg.line or ''}".strip() + (say("towards", headsign=leg.headsign) if leg.headsign else "")
    live = (
        say("canceled")
        if leg.canceled
        else say("missed")
        if leg.missed
        else _say_late(say, leg.departure, leg.planned_departure)
    )
    ride = say(
        "ride",
        departure=departure,
        what=what,
        start=leg.from_.name,
        platform=_say_platform(say, leg.from_.platform),
        end=leg.to.name,
        arrival=_hour(leg.arrival),
        live=live,
    )
    lines = [ride]
    if leg.booking is not None:
        lines.append(say("book", until=_day(leg.booking.bookable_until), where=_say_where(say, leg.booking)))
    if leg.pickup == "phone" and leg.phone:
        lines.append(say("call_before", phone=leg.phone))
    return lines


def _say_where(say: Speaker, booking: answers.Booking) -> str:
    if booking.how == "here":
        return say("book_here")
    if booking.how == "web" and booking.url:
        return say("book_url", url=booking.url)
    return say("book_phone", phone=booking.phone) if booking.phone else ""


def _say_platform(say: Speaker, platform: str | None) -> str:
    return say("platform", platform=platform) if platform else ""


def _say_late(say: Speaker, at: datetime, planned: datetime | None) -> str:
    """Tell how late something is, in whole minutes; nothing where nothing is known."""
    if planned is None:
        return ""
    minutes = round((at - planned).total_seconds() / MINUTE)
    return say("late", n=minutes) if minutes > 0 else say("early", n=-minutes) if minutes < 0 else say("on_time")


def _say_alerts(say: Speaker, alerts: Sequence[answers.Message]) -> list[str]:
    return [say("alert", text=say.choose(one.header) or say.choose(one.description)) for one in alerts]


def say_departures(answer: answers.DeparturesFound, language: str) -> str:
    """Read a board out."""
    say = Speaker(language)
    lines = [say("board", stop=answer.stop_name, at=_day(answer.start))]
    for one in answer.departures:
        what = f"{one.line.name if one.line else ''}{say('towards', headsign=one.headsign)}".strip()
        live = (
            say(one.state)
            if one.state in {"canceled", "skipped"}
            else _say_late(say, one.departure, one.planned_departure)
            if one.state == "live"
            else ""
        )
        platform = _say_platform(say, one.platform)
        lines.append(say("departure", at=_hour(one.departure), what=what, platform=platform, live=live))
    if not answer.departures:
        lines.append(say("nobody", at=_day(answer.end)))
    lines += _say_alerts(say, answer.alerts)
    return "\n".join(lines if answer.live_at else [*lines, say("planned_only")])


def say_disturbances(answer: answers.DisturbancesFound, language: str) -> str:
    """Name what disturbs service."""
    say = Speaker(language)
    lines = []
    for one in answer.disturbances:
        about = say("about", what=", ".join([*one.lines, *one.stops])) if one.lines or one.stops else ""
        first = say.choose(one.header) or say.choose(one.description)
        lines.append(f"- {'' if one.active else say('announced')}{first}{about}")
    return "\n".join(lines) or say("quiet" if answer.live_at else "planned_only")


def say_reach(answer: answers.ReachFound, language: str) -> str:
    """Tell what is reached."""
    say = Speaker(language)
    lines = [say("reach_by" if answer.arrive_by else "reach", place=answer.place)]
    lines += [say("band", **one.model_dump()) for one in answer.bands]
    named = [say("reached", name=one.name, minutes=one.minutes) for one in answer.communes[:REACHED]]
    lines += [", ".join(named)] if named else []
    return "\n".join(lines if answer.complete else [*lines, say("incomplete")])


def say_again(answer: answers.JourneyNow, language: str) -> str:
    """Tell how a journey goes now."""
    say = Speaker(language)
    lines = [say("over" if answer.phase == "over" else "holds" if answer.holds else "broken")]
    lines += [f"- {say.choose(one.text)}" for one in answer.changes]
    lines += _say_journey(say, 1, answer.journey)
    if answer.alternatives:
        lines.append(say("instead"))
        lines += [line for n, one in enumerate(answer.alternatives, 1) for line in _say_journey(say, n, one)]
    return "\n".join(lines)
