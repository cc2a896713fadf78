"""What we publish as SIRI is valid, and read again says what was told: vehicles run the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from mobigo.transit.live import LiveFeed
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.overlay import Overlay, lay_over
from mobigo.transit.siri_tree import read_tree

if TYPE_CHECKING:
    from mobigo.transit.live import Alert, Vehicle


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
