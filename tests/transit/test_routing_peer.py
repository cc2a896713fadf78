"""Our search beside nigiri's, where both are asked the same question.

On feeds brought to what both can say (`benchmarks.common_feed`) the sets of (arrival, transfers) must be equal, one
question after another: all theirs are ours, and ours of the next hours are theirs.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pytest
from benchmarks.common_feed import MinutePeer, agree, write_common_feed
from benchmarks.kernel import draw

from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.timetable import build, day_number

if TYPE_CHECKING:
    from pathlib import Path


class Feed(NamedTuple):
    file: str
    day: date


FEEDS = (
    Feed("pairs/rhein-neckar/rnv.gtfs.zip", date(2016, 11, 4)),
    Feed("fr/strasbourg-cts.gtfs.zip", date(2026, 2, 6)),
    Feed("fr/sncf-ter-2025.gtfs.zip", date(2025, 2, 21)),
    Feed("pairs/addison-vt/addisoncounty-vt-us.gtfs.zip", date(2016, 11, 4)),
)


@pytest.mark.slow
@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.file)
def test_earliest_arrivals_are_those_of_nigiri(feed: Feed, test_data: Path, tmp_path: Path) -> None:
    common = tmp_path / "common.zip"
    write_common_feed(test_data / feed.file, common)
    timetable = build(read_feed_tables(common))
    footpaths = link_stops(timetable, link_metres=0, change_seconds=120)
    views = DayViews(timetable, footpaths)
    peer = MinutePeer(common, feed.day, timetable.stop_ids.all())
    for question in draw(views, day_number(feed.day), 300):
        assert agree(views, peer, question), question
