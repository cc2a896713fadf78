"""Ways inside stations are told in NeTEx as in GTFS."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
from lxml import etree
from tests.feed_text import files, pack
from tests.opendata.netex_reader import N, plain

from mobigo.db.engine import libpq_conninfo
from mobigo.opendata.gtfs_writer import Part
from mobigo.opendata.netex_writer import write_netex
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

STATION = {
    "levels": "level_id,level_index,level_name\nstreet,0,Rue\nunder,-0.5,Sous-sol",
    "stops": """
        stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,level_id,platform_code,stop_access
        place,Gare,47.4906,4.3347,1,,,,
        gare,Gare,47.4906,4.3347,0,place,under,2,0
        door,Entrée,47.4907,4.3347,2,place,street,,
        node,,47.4906,4.3348,3,place,street,,
        front,Avant,47.4906,4.3349,4,mairie,under,,
        mairie,Mairie,47.4906,4.3350,0,place,,,
        lac,Lac de Pont,47.4800,4.3600,,,,,
    """,
    "pathways": """
        pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional,length,traversal_time,stair_count,max_slope,min_width,signposted_as,reversed_signposted_as
        a,door,node,1,1,30.5,26,,0.05,1.2,Quais,Ville
        b,node,gare,2,1,,45,-28,,,,
        c,node,front,5,1,,75,,,,,
        d,gare,door,7,0,,,,,,,
    """,
}

LINKS = {
    "x:a": ("x:door", "x:node", "passage", "twoWay", "30.5", "PT26S", None, "unknown", "Quais", "Ville"),
    "x:b": ("x:node", "x:gare", "stairs", "twoWay", None, "PT45S", ("28", "down"), "false", None, None),
    "x:c": ("x:node", "x:front", "lift", "twoWay", None, "PT75S", None, "true", None, None),
    "x:d": ("x:gare", "x:door", "barrier", "oneWay", None, None, None, "unknown", None, None),
}


def test_ways_inside_stations_are_told(database_url: str, tmp_path: Path) -> None:
    report = load_gtfs(pack(tmp_path / "feed.zip", files(**STATION)), "x", database_url, now=NOW)
    assert report.status == "active", report.as_text()
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        write_netex(connection, [Part("x", 1)], tmp_path / "netex.zip", NOW.date())
    with zipfile.ZipFile(tmp_path / "netex.zip") as archive:
        root = etree.fromstring(archive.read("x_acces.xml"))
        stops = etree.fromstring(archive.read("x_arrets.xml"))
    told = {}
    for one in root.iter(f"{N}SitePathLink"):
        steps = one.findtext(f"{N}NumberOfSteps")
        told[plain(one.get("id"))] = (
            plain(one.find(f"{N}From/{N}PlaceRef").get("ref")),
            plain(one.find(f"{N}To/{N}PlaceRef").get("ref")),
            one.findtext(f"{N}AccessFeatureType"),
            one.findtext(f"{N}AllowedUse"),
            one.findtext(f"{N}Distance"),
            one.findtext(f"{N}TransferDuration/{N}DefaultDuration"),
            steps and (steps, one.findtext(f"{N}Transition")),
            one.findtext(f".//{N}WheelchairAccess"),
            one.findtext(f"{N}Towards"),
            one.findtext(f"{N}Back"),
        )
    assert told == LINKS
    levels = {plain(one.get("id")): one.findtext(f"{N}PublicCode") for one in root.iter(f"{N}Level")}
    assert levels == {"x:street": "0", "x:under": "-0.5"}
    (quay,) = (one for one in stops.iter(f"{N}Quay") if plain(one.get("id")) == "x:gare")
    assert plain(quay.find(f"{N}LevelRef").get("ref")) == "x:under"
    assert quay.findtext(f"{N}keyList/{N}KeyValue/{N}Value") == "0"
