"""A region's real data, downloaded from a server that is not always at its best."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.downloads.server import Server, ok, ranged, serving, status

from mobigo.cli.main import main
from mobigo.cli.region import data_folder, load_demonstration, load_region, read_regions
from mobigo.db.engine import libpq_conninfo
from mobigo.downloads import check_url
from mobigo.kit.clock import Clock
from mobigo.kit.errors import InvalidInput, Unavailable
from mobigo.osm.store import find_active_extract
from mobigo.transit.store import list_versions

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.downloads.server import Request


def feed(name: str, lat: float) -> bytes:
    """Zip a line of two stops, one run a day."""
    files = {
        "agency.txt": f"agency_id,agency_name,agency_url,agency_timezone\na,{name},https://example.org,Europe/Paris\n",
        "stops.txt": f"stop_id,stop_name,stop_lat,stop_lon\ns,{name} A,{lat},4.10\nt,{name} B,{lat},4.12\n",
        "routes.txt": "route_id,agency_id,route_short_name,route_type\nr,a,R,3\n",
        "trips.txt": "route_id,service_id,trip_id\nr,d,t1\n",
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t1,08:00:00,08:00:00,s,1\nt1,08:10:00,08:10:00,t,2\n",
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "d,1,1,1,1,1,1,1,20260101,20301231\n",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return packed.getvalue()


def extract(first: int, lat: float) -> bytes:
    """Draw one street; both extracts share its first node."""
    nodes = "".join(
        f'<node id="{n}" lat="{lat if k else 47.3}" lon="{4.1 + k / 100}"/>'
        for k, n in enumerate((1, first, first + 1))
    )
    refs = f'<nd ref="1"/><nd ref="{first}"/><nd ref="{first + 1}"/>'
    way = f'<way id="{first}">{refs}<tag k="highway" v="residential"/></way>'
    return f'<osm version="0.6" generator="test">{nodes}{way}</osm>'.encode()


def by_path(paths: dict[str, Callable[[Request, socket.socket], None]]) -> Callable[[Request, socket.socket], None]:
    def answer(request: Request, connection: socket.socket) -> None:
        paths.get(request.path, status(404))(request, connection)

    return answer


WEST, EAST, BUS, COACH = extract(10, 47.31), extract(20, 47.32), feed("Bus", 47.31), feed("Coach", 47.40)

PATHS = {
    "/bus.zip": ok(BUS, ETag='"bus"'),
    "/coach.zip": ranged(COACH, '"coach"', cut=len(COACH) // 2),
    "/west.osm": ok(WEST, ETag='"west"'),
    "/west.osm.md5": ok(f"{hashlib.md5(WEST).hexdigest()}  west.osm\n".encode()),
    "/east.osm": ok(EAST, ETag='"east"'),
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(by_path(PATHS)) as server:
        yield server


@pytest.fixture
def instance(server: Server, database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home whose downloads may reach the server; the address of its database."""
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    monkeypatch.setenv("MOBIGO_ALLOW_HOSTS", server.pair)
    assert home.exists()
    return database_url


def write_sources(folder: Path, server: Server, feeds: dict[str, str], extracts: dict[str, str]) -> Path:
    lines = ["[here]", 'name = "Here"', "as_of = 2026-11-22"]
    for kind, sources in (("gtfs", feeds), ("osm", extracts)):
        for source, path in sources.items():
            lines += [
                f"[[here.{kind}]]",
                f'source = "{source}"',
                f'title = "{source.title()}"',
                f'url = "{server.url(path)}"',
                'licence = "CC0"',
                'attribution = "a test"',
            ]
            if path == "/west.osm":
                lines.append(f'checksum_url = "{server.url("/west.osm.md5")}"')
    file = folder / "sources.toml"
    file.write_text("\n".join(lines))
    return file


def active(url: str) -> set[str]:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return {version.source for version in list_versions(connection) if version.status == "active"}


def test_a_source_that_is_down_is_told_and_an_interrupted_one_is_resumed(
    instance: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_demonstration(instance, Clock())
    feeds = {"bus": "/bus.zip", "gone": "/gone.zip", "coach": "/coach.zip"}
    load_region("here", write_sources(tmp_path, server, feeds, {"west": "/west.osm", "east": "/east.osm"}))
    assert active(instance) == {"bus", "coach"}  # and the demonstration left
    with psycopg.connect(libpq_conninfo(instance)) as connection:
        found = find_active_extract(connection)
    assert found is not None
    assert (found.name, found.counts["ways"]) == ("here.osm.pbf", 2)
    asked = [request.headers.get("range") for request in server.requests if request.path == "/coach.zip"]
    assert asked[:2] == [None, f"bytes={len(COACH) // 2}-"]
    said = capsys.readouterr()
    assert "gone was left out" in said.err
    assert "status 404" in said.err
    assert "  coach: 1 kB of 1 kB\n" in said.out


def test_what_is_unchanged_is_not_downloaded_again_and_serves_on_when_the_network_is_away(
    instance: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = write_sources(tmp_path, server, {"bus": "/bus.zip"}, {"west": "/west.osm"})
    load_region("here", sources)
    kept = dict(PATHS)
    try:
        PATHS["/bus.zip"] = status(304)
        PATHS["/west.osm"] = status(304)
        load_region("here", sources)
        assert server.requests[-1].headers["if-none-match"] == '"west"'
        assert "bus: as downloaded before\n  unchanged" in capsys.readouterr().out
        PATHS.clear()
        load_region("here", sources)
        assert "bus was left out" in capsys.readouterr().err
    finally:
        PATHS.update(kept)
    assert active(instance) == {"bus"}


def test_a_damaged_extract_is_not_loaded(
    instance: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATHS, "/west.osm.md5", ok(b"0" * 32))
    load_region("here", write_sources(tmp_path, server, {"bus": "/bus.zip"}, {"west": "/west.osm"}))
    assert "its publisher says 00000000000000000000000000000000" in capsys.readouterr().err
    with psycopg.connect(libpq_conninfo(instance)) as connection:
        assert find_active_extract(connection) is None


def test_extracts_that_cannot_be_merged_are_told(
    instance: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PATHS, "/east.osm", ok(b"<html>moved</html>"))
    extracts = {"west": "/west.osm", "east": "/east.osm"}
    load_region("here", write_sources(tmp_path, server, {"bus": "/bus.zip"}, extracts))
    assert "cannot be merged" in capsys.readouterr().err
    assert active(instance) == {"bus"}


def test_half_the_extracts_are_no_region(instance: str, server: Server, tmp_path: Path) -> None:
    extracts = {"west": "/west.osm", "north": "/north.osm"}
    load_region("here", write_sources(tmp_path, server, {"bus": "/bus.zip"}, extracts))
    with psycopg.connect(libpq_conninfo(instance)) as connection:
        assert find_active_extract(connection) is None


def test_nothing_at_all_is_an_error_and_the_demonstration_stays(instance: str, server: Server, tmp_path: Path) -> None:
    load_demonstration(instance, Clock())
    with pytest.raises(Unavailable, match="nothing of Here could be loaded: gone was left out"):
        load_region("here", write_sources(tmp_path, server, {"gone": "/gone.zip"}, {}))
    assert active(instance) == {"demonstration"}


def test_the_command_takes_the_addresses_from_a_file(
    instance: str, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = write_sources(tmp_path, server, {"bus": "/bus.zip"}, {})
    with pytest.raises(SystemExit) as ended:
        main(["load", "region", "here", "--sources", str(sources), "--no-build"])
    assert ended.value.code == 0
    assert "CC0, a test" in capsys.readouterr().out  # whom to credit
    assert active(instance) == {"bus"}


def test_sources_without_a_region_are_no_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sources.toml"
    file.touch()
    with pytest.raises(SystemExit) as ended:
        main(["up", "--sources", str(file)])
    assert ended.value.code == 2
    assert "name the region with --region" in capsys.readouterr().err


def test_an_unknown_region_is_told_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput, match="known: bourgogne-franche-comte"):
        load_region("atlantis")


def test_the_committed_sources_say_whom_to_credit() -> None:
    regions = read_regions([data_folder("gtfs") / "sources.toml", data_folder("osm") / "sources.toml"])
    region = regions["bourgogne-franche-comte"]
    assert {source.source for source in region.gtfs} >= {"mobigo", "sncf", "divia"}
    assert len(region.osm) == 2
    for source in (*region.gtfs, *region.osm):
        assert check_url(source.url).scheme == "https"
        assert source.licence
        assert source.attribution


@pytest.mark.parametrize(
    "text",
    ["[here", "here = 3", '[here]\nname = "x"', '[here]\nname = "x"\nas_of = 2026-01-01\n[[here.gtfs]]\nurl = "x"'],
)
def test_a_file_of_sources_that_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=r"mine\.toml.*gtfs/sources\.toml shows the form"):
        read_regions([file])
