"""What we publish as SIRI is valid, and read again says what was told: vehicles run the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.live_feeds import make_updates
from tests.questions import open_case
from tests.transit.test_live_against_oracle import can_be_ridden, read_runs
from tests.wish_feeds import open_oracle, seeded

from mobigo.opendata import siri_writer
from mobigo.opendata.siri_writer import Moment
from mobigo.opendata.siri_xml import frame, unframe, write_json, write_xml
from mobigo.transit import siri
from mobigo.transit.live import Alert, LiveFeed, Occupancy, Target, Vehicle
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.overlay import Overlay, lay_over
from mobigo.transit.siri_tree import read_tree


@pytest.fixture(scope="session")
def siri_schema(test_data: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(test_data.parent / "schemas/siri/siri.xsd"))


def moment_of(
    overlay: Overlay, at: int, *, alerts: tuple[Alert, ...] = (), vehicles: tuple[Vehicle, ...] = ()
) -> Moment:
    live = LiveSnapshot(Path("none"), at, overlay, {one.id: one for one in alerts}, vehicles, ())
    return Moment(overlay.timetable, live, at, frozenset())


def check(schema: etree.XMLSchema, tree: dict[str, Any]) -> bytes:
    """Check that XML is valid and that JSON is the same tree; return the XML with plain ids, as our reader takes it."""
    content = write_xml(tree)
    document = etree.fromstring(content)
    assert schema.validate(document), str(schema.error_log)[:2000]
    linked = read_tree(write_json(tree), "x").find("Siri")
    said = [(element.tag.rpartition("}")[2], (element.text or "").strip()) for element in document.iter()]
    assert linked is not None
    assert sorted((one.tag, (one.text or "").strip()) for one in linked.iter() if one.tag != "Version") == sorted(said)
    for element in document.iter():
        if element.text and element.text.endswith(":LOC"):
            element.text = unframe(element.text)
    return bytes(etree.tostring(document))


@pytest.mark.parametrize("id_", ["mobigo:L120", "a:b c/d", "x:_x0020_", "s:é:è|#", "s:a:b:LOC", "s:😀"])
def test_ids_are_framed_as_name_tokens_and_back(id_: str) -> None:
    for kind in ("Line", "Quay", "ServiceJourney"):
        told = frame(kind, id_)
        assert unframe(told) == id_
        assert etree.fromstring("<x/>").tag == "x"
        assert not set(told) & set(" /|#")
    assert unframe(id_) == id_


@pytest.mark.parametrize("seed", range(40))
def test_random_feeds_say_the_same_when_published_and_read_again(
    seed: int, tmp_path: Path, siri_schema: etree.XMLSchema
) -> None:
    case, rng = seeded(seed)
    oracle = open_oracle(case)
    updates = make_updates(case, oracle, rng)
    now = min((run.calls[0].departure for run in oracle.runs), default=0) - 7 * 3600
    timetable = open_case(case, tmp_path).timetable
    laid, _ = lay_over(timetable, [LiveFeed("", now, tuple(updates))], [], now=now)
    moment = moment_of(laid, now)
    said = siri.read(check(siri_schema, siri_writer.estimate(moment, siri_writer.list_journeys(moment))), "")
    assert said.problems == ()
    again, (report,) = lay_over(timetable, [said], [], now=now)
    assert report.unmatched == ()
    assert list_own(again) == list_own(laid)


def list_own(laid: Overlay) -> list[Any]:
    """Runs but for copies of a trip: SIRI has no word for them, so they come back as trips with stops of their own."""
    return sorted(run for run in read_runs(laid) if can_be_ridden(run) and not run[0].startswith("copy"))


VEHICLES = (
    Vehicle(
        "bus:7", "bus:t", date(2026, 11, 23), "bus:L", 47.5, 4.25, 1_795_000_000, bearing=90.0, speed=12.0,
        stop_id="bus:s", occupancy=Occupancy.FULL,
    ),
    Vehicle("bus:8 / b", None, None, None, -0.5, 179.75, 1_795_000_001),
)  # fmt: skip
ALERTS = (
    Alert(
        "bus:works", {"fr": "Travaux & co", "en": "Works"}, {"fr": "Longs", "en": "Long"}, {"": "https://x.example"},
        periods=((1_794_000_000, 1_795_000_000), (1_795_100_000, None)),
        targets=(Target(route_id="bus:L"), Target(route_id="bus:M", stop_id="bus:s"), Target(stop_id="bus:s"),
                 Target(trip_id="bus:t", start_date=date(2026, 11, 23)), Target(trip_id="bus:u")),
        cause="CONSTRUCTION", effect="DETOUR", severity="SEVERE",
    ),
    Alert("bus:plain", {"": "Bonjour"}, targets=(Target(agency_id="bus:A"),)),
)  # fmt: skip


@pytest.fixture
def quiet(tmp_path: Path) -> Overlay:
    """A small timetable without live data."""
    case, _ = seeded(0)
    return lay_over(open_case(case, tmp_path).timetable, [], [], now=0)[0]


def test_vehicles_say_the_same_when_read_again(quiet: Overlay, siri_schema: etree.XMLSchema) -> None:
    moment = moment_of(quiet, 1_795_000_010, vehicles=VEHICLES)
    tree = siri_writer.deliver(
        moment, "VehicleMonitoringDelivery", {"VehicleActivity": siri_writer.list_vehicles(moment)}
    )
    assert siri.read(check(siri_schema, tree), "").vehicles == VEHICLES


def test_situations_say_the_same_when_read_again(quiet: Overlay, siri_schema: etree.XMLSchema) -> None:
    moment = moment_of(quiet, 1_795_000_010, alerts=ALERTS)
    situations = {"Situations": {"PtSituationElement": siri_writer.list_situations(moment)}}
    works, plain = siri.read(
        check(siri_schema, siri_writer.deliver(moment, "SituationExchangeDelivery", situations)), ""
    ).alerts
    assert replace(works, targets=()) == replace(ALERTS[0], targets=())
    assert set(works.targets) == set(ALERTS[0].targets)
    assert plain == replace(ALERTS[1], periods=((0, None),))  # the schema wants a beginning


def test_general_messages_say_the_same_when_read_again(quiet: Overlay, siri_schema: etree.XMLSchema) -> None:
    moment = moment_of(quiet, 1_795_000_010, alerts=ALERTS)
    tree = siri_writer.deliver(moment, "GeneralMessageDelivery", {"GeneralMessage": siri_writer.list_messages(moment)})
    works, plain = siri.read(check(siri_schema, tree), "").alerts
    assert (works.id, works.header) == ("bus:works", {"fr": "Travaux & co\nLongs", "en": "Works\nLong"})
    assert works.periods == ((1_794_000_000, None),)
    assert {one.route_id for one in works.targets} == {"bus:L", "bus:M", None}
    assert (plain.id, plain.header) == ("bus:plain", {"": "Bonjour"})


def test_texts_that_xml_has_no_words_for_do_not_break_a_message(quiet: Overlay, siri_schema: etree.XMLSchema) -> None:
    odd = Alert(
        "bus:x\x01 y", {'fr"<': "a\x00\x0b<b>\ufffe"}, {"en": "]]>"}, {"": "not a url ^^"}, periods=((None, 2**39),)
    )
    moment = moment_of(quiet, 1_795_000_010, alerts=(odd,))
    for kind, inside in (
        ("SituationExchangeDelivery", {"Situations": {"PtSituationElement": siri_writer.list_situations(moment)}}),
        ("GeneralMessageDelivery", {"GeneralMessage": siri_writer.list_messages(moment)}),
    ):
        document = etree.fromstring(write_xml(siri_writer.deliver(moment, kind, inside)))
        assert siri_schema.validate(document), str(siri_schema.error_log)[:1000]
