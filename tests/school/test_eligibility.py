"""Who is entitled: which rule counts, how far by the shortest road, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import psycopg
import pytest

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.clock import Clock
from mobigo.kit.geo import Point
from mobigo.osm.load import load_osm
from mobigo.school.eligibility import Case, find_rule, judge
from mobigo.school.register import Rule, School
from mobigo.school.roads import open_roads

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 9, 1)
COLLEGE = School("E1", "Collège Pasteur", "college", 47.6, 4.3)
RULE = Rule("R1", date(2020, 1, 1), 3_000, sector=True, text="art. 4")
CASE = Case(COLLEGE, "college", "21100", placed=True, metres=3_000, sectors=frozenset({"21100"}))


@pytest.mark.parametrize(
    ("change", "entitled", "code", "french"),
    [
        ({}, True, "entitled", "3,00 km par la route la plus courte, dans le secteur, selon la règle R1 (art. 4)"),
        (
            {"metres": 2_999},
            False,
            "too_near",
            "2,99 km par la route la plus courte, la règle R1 (art. 4) en demande au moins 3,00",
        ),
        (
            {"commune": "21200"},
            False,
            "out_of_sector",
            "la commune 21200 n'est pas du secteur de Collège Pasteur, que la règle R1 (art. 4) exige",
        ),
        (
            {"placed": False, "metres": None},
            None,
            "no_place",
            None,
        ),
        ({"school": replace(COLLEGE, lat=None)}, None, "no_school_place", None),
        ({"metres": None}, None, "no_road", None),
        ({"sectors": frozenset()}, None, "no_sector", None),
        ({"commune": None}, None, "no_commune", None),
    ],
)
def test_the_reason_is_said_in_words(
    change: dict[str, object], entitled: object, code: str, french: str | None
) -> None:
    told = judge(replace(CASE, **change), [RULE], DAY)  # type: ignore[arg-type]
    assert (told.entitled, told.code) == (entitled, code)
    assert french in {None, told.french}
    assert told.english


def test_who_is_a_metre_too_near_reads_why() -> None:
    told = judge(replace(CASE, metres=3_004), [replace(RULE, metres=3_005)], DAY)
    assert (told.code, told.french.startswith("3,004 km")) == ("too_near", True)
    assert told.french.endswith("en demande au moins 3,005")


def test_without_a_rule_in_force_nobody_can_tell() -> None:
    over = replace(RULE, last=date(2026, 8, 31))
    assert judge(CASE, [over, replace(RULE, level="lycee")], DAY).code == "no_rule"


def test_the_most_specific_rule_counts_then_the_latest() -> None:
    rules = [
        RULE,
        replace(RULE, id="R2", level="college", first=date(2021, 1, 1)),
        replace(RULE, id="R3", level="college", first=date(2025, 9, 1)),
        replace(RULE, id="R4", level="college", first=date(2026, 9, 2)),
        replace(RULE, id="R5", commune="21100", first=date(2010, 1, 1)),
        replace(RULE, id="R6", commune="21200", level="college"),
    ]
    found = [find_rule(rules, day, "college", commune) for day, commune in ((DAY, None), (DAY, "21100"))]
    assert [one.id for one in found if one] == ["R3", "R5"]
    assert [one.id for one in [find_rule(rules, DAY, "primary", None)] if one] == ["R1"]


ROADS = """<osm version="0.6">
 <node id="1" lat="47.5000" lon="4.3000"/> <node id="2" lat="47.5000" lon="4.3400"/>
 <node id="3" lat="47.5200" lon="4.3000"/> <node id="4" lat="47.5200" lon="4.3400"/>
 <way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/><tag k="maxspeed" v="20"/></way>
 <way id="2"><nd ref="1"/><nd ref="3"/><tag k="highway" v="motorway"/><tag k="oneway" v="no"/></way>
 <way id="3"><nd ref="3"/><nd ref="4"/><tag k="highway" v="motorway"/><tag k="oneway" v="no"/></way>
 <way id="4"><nd ref="4"/><nd ref="2"/><tag k="highway" v="motorway"/><tag k="oneway" v="no"/></way>
</osm>"""


def test_the_shortest_road_counts_and_not_the_quickest(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "roads.osm"
    file.write_text(ROADS)
    load_osm(file, database_url, now=Clock().now())
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        lengths = open_roads(connection, tmp_path / "school-roads").lengths()
    ends = [Point(4.3000, 47.5000)], [Point(4.3400, 47.5000)]
    # 3.0 km at 20 km/h, or 7.4 km at 130
    assert int(lengths.metres(*ends)[0, 0]) == pytest.approx(3_005, abs=10)
