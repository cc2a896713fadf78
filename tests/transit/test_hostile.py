"""Input that is broken or hostile: always a report, never a traceback, and the active version goes on serving."""

from __future__ import annotations

import io
import os
import zipfile
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.conftest import new_database
from tests.feed_text import files, pack

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput
from mobigo.transit import archive
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.transit.report import LoadReport

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database in which the sound town is active."""
    with new_database(test_cluster) as address:
        load_gtfs(pack(tmp_path_factory.mktemp("sound") / "town.zip", files()), "town", address, now=NOW)
        yield address


def load(path: Path, url: str) -> LoadReport:
    """Load over the town; it must be rejected, or be put in service by a report that says so."""
    before = _active(url)
    report = load_gtfs(path, "town", url, now=NOW)
    assert report.status in {"active", "rejected", "unchanged"}
    assert (report.version == _active(url)) == (report.status != "rejected")
    if report.status == "rejected":
        assert _active(url) == before
        assert any(finding.class_ == "reject_feed" for finding in report.findings)
    assert "runtime_exception_in_loader_error" not in report.totals, report.as_text()
    return report


def _active(url: str) -> int:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        row = connection.execute("SELECT active_version FROM feed WHERE source = 'town'").fetchone()
        assert row
        (calls,) = connection.execute("SELECT count(*) FROM stop_times WHERE version_id = %s", row).fetchone() or (0,)
        assert calls > 0
        return int(row[0])


def refused(path: Path, url: str) -> str:
    """Why an archive is refused."""
    report = load(path, url)
    assert report.status == "rejected"
    (finding,) = [finding for finding in report.findings if finding.class_ == "reject_feed"]
    assert finding.code in {"InvalidArchive", "csv_parsing_failed"}
    return finding.value


# ── archives ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _bytes(contents: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(("name", "why"), [
    ("../stops.txt", "outside its folder"),
    ("/etc/passwd", "outside its folder"),
    ("a\\..\\b.txt", "outside its folder"),
    ("c:/stops.txt", "outside its folder"),
    ("inner.zip", "an archive itself"),
])  # fmt: skip
def test_names_that_lead_elsewhere(tmp_path: Path, url: str, name: str, why: str) -> None:
    path = tmp_path / "feed.zip"
    path.write_bytes(
        _bytes({**files(), "!": b"x"}).replace(b"!", b"!") if name == "!" else _bytes({**files(), name: b"x"})
    )
    assert why in refused(path, url)


def test_zip_bombs(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "feed.zip"
    path.write_bytes(_bytes({**files(), "shapes.txt": b"0" * (8 << 20)}))
    assert "zip bomb" in refused(path, url)
    path.write_bytes(_bytes({**files(), **{f"f{number}": b"" for number in range(1_001)}}))
    assert "1,000" in refused(path, url)
    monkeypatch.setattr(archive, "MAX_BYTES", 500)
    path.write_bytes(_bytes(files()))
    assert "500 are read" in refused(path, url)


def test_a_size_that_lies(tmp_path: Path, url: str) -> None:
    packed = _bytes({**files(), "shapes.txt": b"0" * 100_000})
    path = tmp_path / "feed.zip"
    path.write_bytes(packed.replace((100_000).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    assert refused(path, url)


def test_an_encrypted_member(tmp_path: Path, url: str) -> None:
    packed = bytearray(_bytes(files()))
    central = packed.index(b"PK\x01\x02")
    packed[central + 8] |= 1
    path = tmp_path / "feed.zip"
    path.write_bytes(bytes(packed))
    assert "encrypted" in refused(path, url)


def test_links(tmp_path: Path, url: str) -> None:
    info = zipfile.ZipInfo("notes.txt")
    info.external_attr = 0o120777 << 16
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(info, "/etc/passwd")
    assert "symbolic link" in refused(path, url)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "stops.txt").symlink_to("/etc/passwd")
    assert "symbolic link" in refused(folder, url)
    (folder / "stops.txt").unlink()
    os.mkfifo(folder / "stops.txt")
    assert "ordinary file" in refused(folder, url)


def test_a_line_without_end(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files().items():
        (folder / name).write_bytes(content)
    with (folder / "shapes.txt").open("wb") as endless:
        endless.write(b"shape_id,")
        endless.truncate(5 << 30)  # no disk is used: it is a hole
    assert "more than 1,048,576 bytes" in refused(folder, url)


def test_no_archive(tmp_path: Path, url: str) -> None:
    path = tmp_path / "feed.zip"
    for content in (b"", b"PK", b"<html>not found</html>", os.urandom(5_000)):
        path.write_bytes(content)
        assert "no readable ZIP" in refused(path, url)
    with pytest.raises(InvalidInput, match="does not exist"):
        load(tmp_path / "nothing.zip", url)


def test_two_members_of_one_name(tmp_path: Path, url: str) -> None:
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("stops.txt", "a")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("stops.txt", "b")
    assert "two members" in refused(path, url)


# ── contents ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _names(url: str) -> set[str]:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        rows = connection.execute("SELECT stop_name FROM stops JOIN feed ON active_version = version_id").fetchall()
    return {row[0] for row in rows}


HEADER = "stop_id,stop_name,stop_lat,stop_lon\n"
ACCENTED = HEADER + "gare,Époisses,47.4906,4.3347\nmairie,Mairie,47.4951,4.33\nlac,Lac,47.48,4.36\n"


@pytest.mark.parametrize("content", [
    ACCENTED.encode("utf-8-sig"),
    ACCENTED.encode("cp1252"),
    ACCENTED.encode("utf-16"),
    ACCENTED.replace("\n", "\r\n").encode(),
    ACCENTED.replace("\n", "\r").encode(),
    ACCENTED.replace("Époisses", "Épo\0isses").encode(),
    ACCENTED.replace("Époisses", '"Époisses"').encode(),
    ACCENTED.replace("Époisses", "  Époisses\t").encode(),
    ACCENTED.replace(",", " , ").encode(),
    ACCENTED.replace("\n", "\n\n").encode(),
    ACCENTED.rstrip("\n").encode(),
])  # fmt: skip
def test_ways_to_write_a_file(tmp_path: Path, url: str, content: bytes) -> None:
    assert load(pack(tmp_path / "feed.zip", files(stops=content)), url).status in {"active", "unchanged"}
    assert _names(url) == {"Époisses", "Mairie", "Lac"}


def test_quotes(tmp_path: Path, url: str) -> None:
    stops = HEADER + 'gare,"A ""B"", C",47.4906,4.3347\nmairie,"Two\nlines",47.4951,4.33\nlac,La "c",47.48,4.36\n'
    report = load(pack(tmp_path / "feed.zip", files(stops=stops.encode())), url)
    assert report.status == "active"
    assert _names(url) == {'A "B", C', "Two lines", 'La "c"'}
    assert {f.line for f in report.findings if f.code == "new_line_in_value"} == {3}
    report = load(pack(tmp_path / "feed.zip", files(stops=stops.encode() + b'x,"never closed,47,4\n')), url)
    assert report.status == "active"


def test_a_cell_too_large(tmp_path: Path, url: str) -> None:
    cell = b"\n".join([b"x" * 1_000] * 2_000)
    stops = files()["stops.txt"] + b'big,"' + cell + b'",47,4\n'
    assert "csv_parsing_failed" in {f.code for f in load(pack(tmp_path / "feed.zip", files(stops=stops)), url).findings}
    long_id = files()["stops.txt"] + b"i" * 5_000 + b",Name,47,4\n"
    assert load(pack(tmp_path / "feed.zip", files(stops=long_id)), url).status == "rejected"


def _torn(random: Random) -> dict[str, bytes]:
    """A feed with one accident."""
    contents = files()
    name, other = random.sample(sorted(contents), 2)
    match random.randrange(8):
        case 0:
            contents[name] = contents[name][: random.randrange(len(contents[name]))]
        case 1:
            contents[name], contents[other] = contents[other], contents[name]
        case 2:
            contents[name] = b""
        case 3:
            contents[name] = random.randbytes(random.randrange(1, 3_000))
        case 4:
            noisy = bytearray(contents[name])
            for _ in range(random.randrange(1, 6)):
                noisy[random.randrange(len(noisy))] = random.randrange(256)
            contents[name] = bytes(noisy)
        case 5:
            lines = contents[name].splitlines(keepends=True)
            random.shuffle(lines)
            contents[name] = b"".join(lines)
        case 6:
            contents[name] = contents[name] * 3
        case _:
            at = random.randrange(len(contents[name]))
            odd = random.choice(
                [b'"', b",", b"\n", b"\0", b"\xff", b"'", b"\\.\n", b"\t", b"\xe2\x80\x93", b"NULL", b"-1", b"1e999"]
            )
            contents[name] = contents[name][:at] + odd + contents[name][at:]
    return contents


@pytest.mark.parametrize("seed", range(40))
def test_accidents(tmp_path: Path, url: str, seed: int) -> None:
    load(pack(tmp_path / "feed.zip", _torn(Random(seed))), url)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1_000, 1_600))
def test_many_accidents(tmp_path: Path, url: str, seed: int) -> None:
    load(pack(tmp_path / "feed.zip", _torn(Random(seed))), url)


@pytest.mark.parametrize("seed", range(10))
def test_torn_archives(tmp_path: Path, url: str, seed: int) -> None:
    random = Random(seed)
    packed = bytearray(_bytes(files()))
    if seed % 2:
        packed = packed[: random.randrange(len(packed))]
    else:
        for _ in range(5):
            packed[random.randrange(len(packed))] = random.randrange(256)
    path = tmp_path / "feed.zip"
    path.write_bytes(bytes(packed))
    load(path, url)
