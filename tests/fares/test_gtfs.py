"""Fares of feeds: read as GTFS means them, written so that reading them again gives the same."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import gtfs_guru
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobigo.fares.catalogue import (
    Days,
    LimitKind,
    ProductKind,
    ThroughRow,
    Timeframe,
    TimeSpan,
    TransferKind,
)
from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.feed_rows import FeedRows, read_archive
from mobigo.fares.gtfs_read import read_fares
from mobigo.fares.gtfs_write import write_archive, write_fares, write_into
from mobigo.kit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.fares.catalogue import Catalogue

DAY = date(2026, 1, 5)
BASE = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\nA,Bus,https://a.example,Europe/Paris",
    "stops": "stop_id,stop_name,stop_lat,stop_lon,zone_id,location_type,parent_station\n"
    "a,A,47.1,4.1,Z1,,\nb,B,47.2,4.2,Z2,,\ns,S,47.3,4.3,,1,\np1,P1,47.3,4.3,Z3,,s\np2,P2,47.3,4.3,Z3,,s",
    "routes": "route_id,agency_id,route_short_name,route_type\n1,A,1,3\n2,A,2,3",
    "trips": "route_id,service_id,trip_id\n1,week,t1\n2,week,t2",
    "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "t1,08:00:00,08:00:00,a,1\nt1,08:30:00,08:30:00,b,2\nt2,09:00:00,09:00:00,b,1\nt2,09:30:00,09:30:00,p1,2",
    "calendar": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,0,0,20260101,20261231",
    "calendar_dates": "service_id,date,exception_type\nweek,20260501,2\nweek,20260502,1",
}


def archive(folder: Path, name: str = "feed.zip", **files: str) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as out:
        for file, text in {**BASE, **files}.items():
            out.writestr(f"{file}.txt", text + "\n")
    return path


def read(path: Path, source: str = "x") -> tuple[Catalogue, list[str], FeedRows]:
    rows = read_archive(path, source)
    return *read_fares(rows, valid_from=DAY), rows


def rewrite(path: Path, folder: Path, source: str = "x") -> Path:
    """Read a feed's fares, write them, and put them in the place of its own."""
    catalogue, _, rows = read(path, source)
    out = folder / f"again-{path.name}"
    out.write_bytes(write_into(path, write_fares(catalogue, [rows], DAY)))
    return out


# ── what is read ──


def test_a_station_lends_its_areas_to_platforms_that_have_none(tmp_path: Path) -> None:
    files = {
        "areas": "area_id,area_name\nN,North\nS,South",
        "stop_areas": "area_id,stop_id\nN,s\nS,p2\nS,a",
        "fare_products": "fare_product_id,amount,currency\none,1.50,EUR",
        "fare_leg_rules": "from_area_id,to_area_id,fare_product_id\nN,S,one",
    }
    catalogue, notes, _ = read(archive(tmp_path, **files))
    assert notes == []
    assert {one.id: one.stops for one in catalogue.areas} == {"N": ("x:p1", "x:s"), "S": ("x:a", "x:p2")}


def test_a_column_of_priorities_counts_also_when_it_is_empty(tmp_path: Path) -> None:
    product = {"fare_products": "fare_product_id,amount,currency\none,1.50,EUR"}
    empty = archive(tmp_path, **product, fare_leg_rules="fare_product_id,rule_priority\none,")
    none = archive(tmp_path, "none.zip", **product, fare_leg_rules="fare_product_id\none")
    assert read(empty)[0].tariffs[0].priorities
    assert not read(none)[0].tariffs[0].priorities


def test_rules_are_read_with_their_times_limits_and_directions(tmp_path: Path) -> None:
    files = {
        "networks": "network_id,network_name\nbus,Buses",
        "route_networks": "network_id,route_id\nbus,1\nbus,2",
        "rider_categories": "rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1\nkid,Kid,",
        "fare_media": "fare_media_id,fare_media_name,fare_media_type\ncash,,0\ncard,Card,3",
        "timeframes": "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,9:00:00,week\nall,,,week",
        "fare_products": "fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency\n"
        "one,One,adult,cash,1.50,EUR\none,One,kid,,0.755,EUR\nback,,,,-0.50,EUR\nday,Day,,,5,EUR",
        "fare_leg_rules": "leg_group_id,network_id,fare_product_id,from_timeframe_group_id,to_timeframe_group_id\n"
        "g,bus,one,peak,all",
        "fare_leg_join_rules": "from_network_id,to_network_id,from_stop_id,to_stop_id\nbus,bus,b,b",
        "fare_transfer_rules": "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
        "fare_transfer_type,fare_product_id\ng,g,-1,3600,3,1,back",
    }
    catalogue, notes, _ = read(archive(tmp_path, **files))
    assert notes == ["fare product one: 0.755 is no whole number of the smallest coin of EUR; rounded"]
    one, back, day = catalogue.products
    assert [(row.category, row.medium, row.cents) for row in one.prices] == [("adult", "cash", 150), ("kid", None, 76)]
    assert (back.kind, back.prices[0].cents, day.kind) == (ProductKind.TRANSFER, -50, ProductKind.PASS)
    assert one.vat_permille == 100
    (transfer,) = catalogue.tariffs[0].transfers
    assert (transfer.kind, transfer.limit) == (TransferKind.FROM_RULE_AND_TO, LimitKind.ARRIVAL_TO_ARRIVAL)
    (peak, _) = catalogue.timeframes
    assert [(span.start, span.end) for span in peak.spans] == [(25_200, 32_400)]
    (week,) = catalogue.days
    held = [week.holds(date(2026, 4, 30)), week.holds(date(2026, 5, 1)), week.holds(date(2026, 5, 2))]
    assert held == [True, False, True]


def test_fares_of_the_first_version_are_chains_of_rides(tmp_path: Path) -> None:
    files = {
        "fare_attributes": "fare_id,price,currency_type,payment_method,transfers,transfer_duration\n"
        "flat,2.00,EUR,0,0,\nzones,3,EUR,1,,5400",
        "fare_rules": "fare_id,route_id,origin_id,destination_id,contains_id\n"
        "zones,1,Z1,,Z1\nzones,1,Z1,,Z2\nzones,2,,,",
    }
    catalogue, notes, _ = read(archive(tmp_path, **files))
    assert notes == []
    flat, zones = catalogue.tariffs[0].throughs
    assert (flat.rows, flat.transfers, flat.seconds, flat.paid_on_board) == ((), 0, None, True)
    assert (zones.transfers, zones.seconds, zones.paid_on_board) == (None, 5400, False)
    assert zones.rows == (ThroughRow("x:1", "Z1", None, ("Z1", "Z2")), ThroughRow("x:2"))
    assert {one.id: one.stops for one in catalogue.areas}["Z3"] == ("x:p1", "x:p2")


def test_the_second_version_goes_before_the_first(tmp_path: Path) -> None:
    files = {
        "fare_attributes": "fare_id,price,currency_type,payment_method,transfers\nold,2.00,EUR,0,0",
        "fare_products": "fare_product_id,amount,currency\nnew,1.50,EUR",
        "fare_leg_rules": "fare_product_id\nnew",
    }
    assert [one.id for one in read(archive(tmp_path, **files))[0].products] == ["new"]


def test_what_contradicts_the_specification_is_named_and_left_out(tmp_path: Path) -> None:
    files = {
        "fare_products": "fare_product_id,amount,currency\none,1.50,EUR\nminus,-1,EUR\nyen,100,JPY\nmuch,x,EUR",
        "fare_leg_rules": "leg_group_id,fare_product_id,from_area_id\ng,one,\ng,minus,\ng,one,nowhere\ng,gone,",
        "fare_transfer_rules": "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
        "fare_transfer_type\ng,g,,,,0\ng,g,1,60,,0\ng,h,,,,0\ng,g,-2,,,0",
    }
    catalogue, notes, _ = read(archive(tmp_path, **files))
    assert [one.product for one in catalogue.tariffs[0].legs] == ["one"]
    assert catalogue.tariffs[0].transfers == ()
    assert [note.partition(";")[0] for note in notes] == [
        "fare_products.txt line 5: amount 'x' cannot be read",
        "fare product yen: its price is in JPY, those of the feed in EUR",
        "fare product minus: a price below zero is for transfers only",
        "leg rule of minus: the product has no price",
        "leg rule of one: its areas or timeframes are not in the feed",
        "leg rule of gone: the product has no price",
        "transfer rule from g to g: transfer_count is missing, which transfers within one group need",
        "transfer rule from g to g: a time limit needs its type, and only then",
        "transfer rule from g to h: no leg rule has such a group",
        "transfer rule from g to g: transfer_count -2 is no number of transfers",
    ]


def test_feeds_without_fares_and_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="says nothing of fares"):
        read(archive(tmp_path))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04no")
    with pytest.raises(InvalidInput, match="neither a ZIP archive nor a folder"):
        read(broken)


# ── what is written ──

SECOND = {
    "networks": "network_id,network_name\nbus,Buses\nboat,",
    "route_networks": "network_id,route_id\nbus,1\nbus,2",
    "areas": "area_id,area_name\nN,North\nS,",
    "stop_areas": "area_id,stop_id\nN,s\nS,a\nS,b",
    "rider_categories": "rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1\nkid,Kid,0",
    "fare_media": "fare_media_id,fare_media_name,fare_media_type\ncash,,0\ncard,Card,3",
    "timeframes": "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,09:00:00,week\nall,,,week",
    "fare_products": "fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency\n"
    "one,One,adult,cash,1.50,EUR\none,One,kid,,0.75,EUR\nback,,,,-0.50,EUR",
    "fare_leg_rules": "leg_group_id,network_id,from_area_id,to_area_id,fare_product_id,from_timeframe_group_id,"
    "rule_priority\ng,bus,N,S,one,peak,2\nh,,,,one,,",
    "fare_leg_join_rules": "from_network_id,to_network_id,from_stop_id,to_stop_id\nbus,bus,s,s",
    "fare_transfer_rules": "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
    "fare_transfer_type,fare_product_id\ng,g,-1,3600,1,0,\ng,h,,,,2,back\n,h,,,,1,",
}
FIRST = {
    "fare_attributes": "fare_id,price,currency_type,payment_method,transfers,agency_id,transfer_duration\n"
    "flat,2.00,EUR,0,0,A,\nzones,3.00,EUR,1,,A,5400",
    "fare_rules": "fare_id,route_id,origin_id,destination_id,contains_id\n"
    "zones,1,Z1,,Z1\nzones,1,Z1,,Z2\nzones,2,Z2,Z3,",
}


def check_round_trip(path: Path, folder: Path, source: str) -> None:
    again = rewrite(path, folder, source)
    assert read(again, source)[0] == read(path, source)[0]
    before, after = (
        {(one["code"], one["severity"]) for one in gtfs_guru.validate(str(feed)).to_dict()["notices"]}
        for feed in (path, again)
    )
    assert after <= before


@pytest.mark.parametrize("files", [SECOND, FIRST], ids=["second", "first"])
def test_writing_and_reading_again_gives_the_same(tmp_path: Path, files: dict[str, str]) -> None:
    path = archive(tmp_path, **files)
    check_round_trip(path, tmp_path, "x")
    again = tmp_path / "fares.zip"
    again.write_bytes(write_archive(write_fares(read(path)[0], [read(path)[2]], DAY)))
    alone = read(again)[0]
    assert replace(alone, areas=()) == replace(read(path)[0], areas=())


def test_days_that_the_feed_has_not_become_services_of_their_own(tmp_path: Path) -> None:
    path = archive(tmp_path, **SECOND)
    catalogue, _, rows = read(path)
    changed = replace(catalogue.days[0], added=(date(2026, 5, 3),))
    frames = (*catalogue.timeframes, Timeframe("fair", (TimeSpan("fair", 0, 86_400),)))
    fair = Days("fair", weekdays=(6,), holidays=True)
    files = write_fares(replace(catalogue, days=(changed, fair), timeframes=frames), [rows], DAY)
    again = tmp_path / "again.zip"
    again.write_bytes(write_into(path, files))
    found = read(again)[0]
    assert [one.id for one in found.days] == ["fares_week", "fair"]
    assert replace(found.days[0], id="week") == changed
    assert date(2026, 5, 1) in found.days[1].added
    assert files.notes == ["days fair: written for 2025-12-06 to 2027-02-09"]
    with zipfile.ZipFile(again) as made:
        week = made.read("calendar.txt").decode()
    assert week.count("20260101,20261231") == 2  # the feed's own service stays


@pytest.mark.parametrize("name", ["transcollines", "ctran"])
def test_fares_of_real_feeds_are_written_and_read_again(tmp_path: Path, test_data: Path, name: str) -> None:
    path = test_data / f"fares/{name}.gtfs.zip"
    check_round_trip(path, tmp_path, name)
    assert read(path, name)[1] == []


def test_what_gtfs_has_no_words_for_is_said(tmp_path: Path) -> None:
    path = archive(
        tmp_path, agency=BASE["agency"].replace("\nA,", "\nauxois,"), routes=BASE["routes"].replace(",A,", ",auxois,")
    )
    rows = read_archive(path, "demonstration")
    files = write_fares(read_demonstration(), [rows], DAY)
    assert {row["route_id"] for row in files.tables["route_networks"]} == {"1", "2"}
    assert [row["fare_product_id"] for row in files.tables["fare_leg_rules"]] == ["coach_single"]
    assert {"product rail_single: GTFS has no price by distance", "network rail has no route of these feeds"} <= set(
        files.notes
    )
    assert any(note.startswith("GTFS has no words for caps") for note in files.notes)


# ── any fares ──

NETWORK = st.sampled_from(["", "bus", "boat"])
AREA = st.sampled_from(["", "N", "S"])
FRAME = st.sampled_from(["", "peak", "all"])
PRODUCT = st.sampled_from(["one", "day"])
GROUP = st.sampled_from(["", "g", "h"])
ZONE = st.sampled_from(["", "Z1", "Z2"])


def rows_of(*cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.tuples(*cells).map(",".join), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    legs=rows_of(GROUP, NETWORK, AREA, AREA, FRAME, FRAME, PRODUCT, st.sampled_from(["", "0", "3"])),
    ranked=st.booleans(),
    transfers=rows_of(
        GROUP, GROUP, st.sampled_from(["", "-1", "1", "2"]), st.sampled_from(["", "600"]),
        st.sampled_from(["", "0", "1", "2", "3"]), st.sampled_from(["0", "1", "2"]),
        st.sampled_from(["", "back", "one"]),
    ),
    joins=rows_of(*[st.sampled_from(["bus", "boat"])] * 2, *[st.sampled_from(["", "b", "s"])] * 2),
    areas=rows_of(st.sampled_from(["N", "S"]), st.sampled_from(["a", "b", "s", "p1", "p2"])),
)  # fmt: skip
def test_any_fares_are_written_and_read_again(
    tmp_path: Path, *, legs: list[str], ranked: bool, transfers: list[str], joins: list[str], areas: list[str]
) -> None:
    header = "leg_group_id,network_id,from_area_id,to_area_id,from_timeframe_group_id,to_timeframe_group_id"
    files = {
        **{name: SECOND[name] for name in ("networks", "route_networks", "areas", "timeframes", "rider_categories")},
        "fare_products": "fare_product_id,rider_category_id,amount,currency\none,adult,1.50,EUR\none,kid,0,EUR\n"
        "day,,5,EUR\nback,,-0.50,EUR",
        "stop_areas": "\n".join(["area_id,stop_id", *areas]),
        "fare_leg_rules": "\n".join(
            [f"{header},fare_product_id{',rule_priority' if ranked else ''}"]
            + [row if ranked else row.rpartition(",")[0] for row in legs]
        ),
        "fare_transfer_rules": "\n".join([SECOND["fare_transfer_rules"].partition("\n")[0], *transfers]),
        "fare_leg_join_rules": "\n".join([SECOND["fare_leg_join_rules"].partition("\n")[0], *joins]),
    }
    path = archive(tmp_path, **files)
    again = rewrite(path, tmp_path)
    assert read(again)[0] == read(path)[0]
    assert read(again)[1] == []


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fares=st.lists(
        st.tuples(
            st.sampled_from(["0", "1.5", "20"]), st.sampled_from(["0", "1"]), st.sampled_from(["", "0", "1", "2"]),
            st.sampled_from(["", "0", "3600"]),
        ),
        min_size=1, max_size=3,
    ),
    rules=rows_of(st.sampled_from(["f0", "f1"]), st.sampled_from(["", "1", "2"]), ZONE, ZONE, ZONE),
)  # fmt: skip
def test_any_fares_of_the_first_version_are_written_and_read_again(
    tmp_path: Path, *, fares: list[tuple[str, ...]], rules: list[str]
) -> None:
    attributes = [f"f{number},{price},EUR,{','.join(rest)}" for number, (price, *rest) in enumerate(fares)]
    header = "fare_id,price,currency_type,payment_method,transfers,transfer_duration"
    path = archive(
        tmp_path,
        fare_attributes="\n".join([header, *attributes]),
        fare_rules="\n".join(["fare_id,route_id,origin_id,destination_id,contains_id", *rules]),
    )
    again = rewrite(path, tmp_path)
    assert read(again)[0] == read(path)[0]
