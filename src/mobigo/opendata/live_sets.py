"""Real time as data sets: whose live data may be told together, under which licence, and how catalogues name it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mobigo.opendata import store
from mobigo.opendata.licences import get_licence, join_licences
from mobigo.opendata.model import Dataset, Family, Piece, Said, Standing, Version
from mobigo.opendata.timetables import find_licences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection

    from mobigo.opendata.model import Licence, SourceLicence

REALTIME, SIRI_LITE = "realtime", "siri-lite"
"""Ids of the two data sets; ``realtime-SOURCE`` is of one source."""
GTFS_RT = "https://gtfs.org/realtime/reference/"
SIRI = "https://normes.transport.data.gouv.fr/normes/siri/"
PROTOBUF = "application/x-protobuf"
FEEDS = ("trip-updates", "vehicle-positions", "alerts", "all")
"""Messages of GTFS-Realtime."""
SERVICES = (
    "estimated-timetable",
    "stop-monitoring",
    "vehicle-monitoring",
    "situation-exchange",
    "general-message",
    "stoppoints-discovery",
    "lines-discovery",
    "check-status",
)
"""Questions of SIRI Lite."""
PERIOD = "PT30S"


@dataclass(frozen=True)
class Rights:
    """Whose live data may be told."""

    licences: dict[str, SourceLicence]
    """By source, of those that are published."""
    sources: frozenset[str]
    """All in service."""
    together: frozenset[str]
    """Those whose licences allow one message."""
    licence: Licence
    """Of that message."""
    loaded_at: datetime | None
    """When the timetables changed last."""


def find_rights(connection: Connection[Any]) -> Rights:
    """Find whose live data may be told.

    What says no licence stands alone, and so do licences that share alike in different ways: then the open ones are
    told together, and each other source by itself. A source that is alone is told as it is.
    """
    found = find_licences(connection)
    licences = {source: one for source, one in found.items() if one.published}
    row = connection.execute(
        "SELECT max(loaded_at) FROM feed JOIN feed_version AS version ON version.id = feed.active_version"
    ).fetchone()
    together = choose(licences)
    licence = join_licences([licences[source].licence for source in together])
    return Rights(licences, frozenset(found), together, licence, row[0] if row else None)


def choose(licences: Mapping[str, SourceLicence]) -> frozenset[str]:
    """Choose the sources of one message: all where that is allowed; first those that say nothing stand apart."""
    if len({one.licence.id for one in licences.values()}) <= 1:
        return frozenset(licences)
    stated = {source: one.licence for source, one in licences.items() if one.licence.family is not Family.UNSTATED}
    strict = {licence.id for licence in stated.values() if licence.family is not Family.OPEN}
    return frozenset(source for source, one in stated.items() if len(strict) <= 1 or one.family is Family.OPEN)


def list_all_standings(connection: Connection[Any]) -> list[Standing]:
    """List how all data sets stand: the files, and what is written anew all the time."""
    return [*store.list_standings(connection), *_judge(connection, list_live(find_rights(connection)))]


def _judge(connection: Connection[Any], live: Sequence[Standing]) -> list[Standing]:
    """Add what was found wrong with real time when it was looked at last."""
    reports = store.list_reports(connection)
    return [replace(one, report=reports.get((one.dataset.id, 1))) for one in live]


def find_any_standing(connection: Connection[Any], dataset: str) -> Standing | None:
    """Return how a data set stands, of files or live; None where there is none of this id."""
    found = store.find_standing(connection, dataset)
    if found is None and dataset.startswith((REALTIME, SIRI_LITE)):
        live = _judge(connection, list_live(find_rights(connection)))
        found = next((one for one in live if one.dataset.id == dataset), None)
    return found


def list_live(rights: Rights) -> list[Standing]:
    """List the data sets of real time: all sources together, and each that stands alone; none without timetables."""
    if rights.loaded_at is None:
        return []
    listed = []
    if rights.together:
        own = [rights.licences[source] for source in sorted(rights.together)]
        listed = [_stand(_describe(REALTIME), _list_feeds(), rights.licence.id, own, rights.loaded_at)]
        listed.append(_stand(_describe(SIRI_LITE), _list_services(), rights.licence.id, own, rights.loaded_at))
    for source in sorted(rights.licences.keys() - rights.together):
        one = rights.licences[source]
        said = _describe_one(source)
        listed.append(_stand(said, _list_feeds(), get_licence(one.licence.id).id, [one], rights.loaded_at))
    return listed


def _stand(
    dataset: Dataset, pieces: tuple[Piece, ...], licence: str, own: Sequence[SourceLicence], at: datetime
) -> Standing:
    said = Said(licence, tuple(one.attribution for one in own if one.attribution))
    return Standing(dataset, Version(dataset.id, 1, "", at, said, pieces), at)


def _list_feeds() -> tuple[Piece, ...]:
    return tuple(
        Piece(f"{name}.{form}", media_type, "GTFS-RT", 0, "", GTFS_RT)
        for name in FEEDS
        for form, media_type in (("pb", PROTOBUF), ("json", "application/json"))
    )


def _list_services() -> tuple[Piece, ...]:
    return tuple(
        Piece(f"{name}.{form}", f"application/{form}", "SIRI", 0, "", SIRI)
        for name in SERVICES
        for form in ("xml", "json")
    )


def _describe(id_: str) -> Dataset:
    if id_ == REALTIME:
        return Dataset(
            REALTIME,
            {"fr": "Temps réel (GTFS-RT)", "en": "Real time (GTFS-RT)"},
            {
                "fr": "Retards, courses supprimées et ajoutées, positions des véhicules, messages : de tous les réseaux"
                " dont la licence le permet, identifiants de leurs horaires, renouvelés en moins de 30 secondes.",
                "en": "Delays, cancelled and added trips, vehicle positions, messages: of all networks whose licence"
                " allows it, with the ids of their timetables, renewed within 30 seconds.",
            },
            REALTIME,
            PERIOD,
        )
    return Dataset(
        SIRI_LITE,
        {"fr": "Temps réel (SIRI Lite)", "en": "Real time (SIRI Lite)"},
        {
            "fr": "Les mêmes données en SIRI 2.1 (ET, SM, VM, SX, GM et découverte), en XML et en JSON ; prochains"
            " passages à un arrêt par stop-monitoring avec MonitoringRef.",
            "en": "The same data as SIRI 2.1 (ET, SM, VM, SX, GM and discovery), in XML and JSON; the next visits at a"
            " stop by stop-monitoring with MonitoringRef.",
        },
        REALTIME,
        PERIOD,
    )


def _describe_one(source: str) -> Dataset:
    return Dataset(
        f"{REALTIME}-{source}",
        {"fr": f"Temps réel {source} (GTFS-RT)", "en": f"Real time of {source} (GTFS-RT)"},
        {
            "fr": f"Le temps réel du réseau « {source} », publié seul, car sa licence ne permet pas de le réunir à"
            " d'autres ; en SIRI Lite avec datasetId.",
            "en": f"Real time of the network “{source}”, published by itself because its licence does not allow to join"
            " it with others; as SIRI Lite with datasetId.",
        },
        REALTIME,
        PERIOD,
    )
