"""Files of height models: ESRI ASCII grids (IGN's BD ALTI and RGE ALTI) and SRTM's ``.hgt``.

An ``.asc`` says where it lies in its head, but not in which reference system: that is taken from a ``.prj`` beside it,
from IGN's names (``LAMB93``), or from the numbers themselves where they can mean only one. An ``.hgt`` says by its name
which degree it covers. Heights are read in blocks, never a file at once.

References
----------
ESRI ASCII raster format; SRTM User's Guide (2015), section 2.1.3: big-endian, rows from the north, -32768 is a void.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyproj
from pyproj.exceptions import ProjError

from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.kit.geo import MAX_LAT, MAX_LON
from mobigo.terrain.model import MOST_CELLS, Frame, Sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

DEGREES = "EPSG:4326"
LAMBERT_93 = "EPSG:2154"

LAMBERT_BOX = (0.0, 6_000_000.0, 1_300_000.0, 7_200_000.0)
"""Metres: numbers within it are taken for Lambert-93."""

COARSEST_DEGREES = 0.1
"""Between heights; larger steps are no degrees."""

LOWEST, HIGHEST = -500.0, 9_000.0
"""Metres: what land there is."""

BLOCK = 1 << 22
"""Bytes of text or of heights that are read at a time."""

NO_HEIGHTS = re.compile(r"[_-](DST|SRC)[_-]", re.IGNORECASE)
"""IGN's sheets of distances and sources, which lie beside those of heights under like names."""

HGT_NAME = re.compile(r"([NS])(\d{2})([EW])(\d{3})", re.IGNORECASE)
HGT_SIZES = {1201: 1 / 1200, 3601: 1 / 3600}
"""Rows of an .hgt, and degrees between them."""

HGT_VOID = -32768

NOT_READ = {
    (".tif", ".tiff"): "is a GeoTIFF; turn it into a grid first: gdal_translate -of AAIGrid {name} {stem}.asc",
    (".7z",): "is a 7z archive; unpack it first (7z x {name}) and give the folder",
}
"""What is known and not read, and the way."""

ACCEPTED = "an ESRI ASCII grid (.asc) or SRTM heights (.hgt), also in .zip or .gz, or a folder of them"


class File(NamedTuple):
    """A file of heights, or one in an archive."""

    name: str
    open: Callable[[], Any]
    projection: str | None
    """Content of the .prj beside it."""


def list_files(source: Path) -> tuple[list[File], list[str]]:
    """List the files of heights at a place, by name, and what else is there.

    Raises
    ------
    NotFound
        When there is nothing of that name.
    Refused
        When none of it is heights.
    """
    if not source.exists():
        raise NotFound(f"there is no file {source}")
    found: list[File] = []
    left_out: list[str] = []
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    for path in paths:
        _add(path, found, left_out, alone=not source.is_dir())
    if not found:
        raise Refused(f"{source.name} holds no heights; give {ACCEPTED}", code="no_heights")
    return found, left_out


def _add(path: Path, found: list[File], left_out: list[str], *, alone: bool) -> None:
    name, suffix = path.name, path.suffix.lower()
    if suffix == ".zip":
        _add_archive(path, found, left_out)
        return
    inner = name[: -len(path.suffix)] if suffix == ".gz" else name
    if inner.lower().endswith((".asc", ".hgt")) and not NO_HEIGHTS.search(inner):
        projection = path.with_suffix(".prj")
        text = projection.read_text("latin-1") if suffix == ".asc" and projection.is_file() else None
        opener: Callable[[], Any] = partial(gzip.open, path) if suffix == ".gz" else partial(path.open, "rb")
        found.append(File(inner, opener, text))
        return
    for suffixes, sentence in NOT_READ.items():
        if suffix in suffixes and alone:
            raise Refused(f"{name} {sentence.format(name=name, stem=path.stem)}", code="format_not_read")
    if suffix != ".prj":
        left_out.append(name)


def _add_archive(path: Path, found: list[File], left_out: list[str]) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(one.filename for one in archive.infolist() if not one.is_dir())
            texts = {name[:-4]: archive.read(name).decode("latin-1") for name in names if name.lower().endswith(".prj")}
    except (zipfile.BadZipFile, OSError) as error:
        raise Refused(f"{path.name} cannot be unpacked ({error}); download it again", code="broken_heights") from None
    for name in names:
        if name.lower().endswith((".asc", ".hgt")) and not NO_HEIGHTS.search(name):
            found.append(File(name.rsplit("/", 1)[-1], _open_member(path, name), texts.get(name[:-4])))
        elif not name.lower().endswith(".prj"):
            left_out.append(f"{path.name}/{name}")


def _open_member(path: Path, name: str) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            yield file

    return opened


@contextmanager
def open_sheet(file: File, crs: str | None) -> Iterator[Sheet]:
    """Open a file of heights.

    Parameters
    ----------
    crs : str, optional
        Reference system of ASCII grids, whatever they say themselves.

    Raises
    ------
    InvalidInput
        When there is no such reference system.
    Refused
        When the file is broken, lies nowhere, or holds no heights in metres; also while its blocks are read.
    """
    with explained(file), file.open() as content:
        yield _read_hgt(file, content) if file.name.lower().endswith(".hgt") else _read_asc(file, content, crs)


@contextmanager
def explained(file: File) -> Iterator[None]:
    """Turn what is said of a broken file into a sentence."""
    try:
        yield
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise Refused(f"{file.name} is broken ({error}); download it again", code="broken_heights") from error


def _read_hgt(file: File, content: IO[bytes]) -> Sheet:
    named = HGT_NAME.search(file.name)
    if named is None:
        raise Refused(
            f"{file.name} must be named after its south-western corner, as N47E004.hgt", code="no_georeference"
        )
    lat = int(named[2]) * (1 if named[1].upper() == "N" else -1)
    lon = int(named[4]) * (1 if named[3].upper() == "E" else -1)
    raw = content.read(2 * max(HGT_SIZES) ** 2 + 2)
    rows = next((rows for rows in HGT_SIZES if len(raw) == 2 * rows * rows), None)
    if rows is None:
        raise Refused(
            f"{file.name} has {len(raw):,} bytes; heights every 1 or 3 seconds have 25,934,402 or 2,884,802",
            code="broken_heights",
        )
    step = HGT_SIZES[rows]
    frame = Frame(DEGREES, float(lon), float(lat + 1), step, step, rows, rows)
    return Sheet(file.name, frame, _blocks_of_hgt(file.name, np.frombuffer(raw, ">i2")))


def _blocks_of_hgt(name: str, values: NDArray[np.int16]) -> Iterator[NDArray[np.float32]]:
    for begin in range(0, len(values), BLOCK):
        part = values[begin : begin + BLOCK].astype(np.float32)
        part[part == HGT_VOID] = np.nan
        _check_heights(name, part)
        yield part


def _read_asc(file: File, content: IO[bytes], crs: str | None) -> Sheet:
    head, rest = _read_head(file.name, content)
    try:
        columns, rows = int(head["ncols"]), int(head["nrows"])
        dx = float(head.get("cellsize") or head["dx"])
        dy = float(head.get("cellsize") or head["dy"])
        west = float(head["xllcenter"]) if "xllcenter" in head else float(head["xllcorner"]) + dx / 2
        south = float(head["yllcenter"]) if "yllcenter" in head else float(head["yllcorner"]) + dy / 2
        void = float(head.get("nodata_value", -9999))
    except KeyError as error:
        raise Refused(
            f"{file.name} does not say {error.args[0]} in its head; give {ACCEPTED}", code="no_georeference"
        ) from None
    except ValueError as error:
        raise Refused(f"{file.name} has a head that is no numbers ({error})", code="no_georeference") from None
    if columns < 1 or rows < 1 or not (dx > 0 and dy > 0) or not np.isfinite([west, south, dx, dy]).all():
        raise Refused(
            f"{file.name} has {columns} by {rows} heights every {dx}; all must be above 0", code="no_georeference"
        )
    if columns * rows > MOST_CELLS:
        raise Refused(f"{file.name} has {columns * rows:,} heights; {MOST_CELLS:,} at most", code="too_many_heights")
    frame = Frame("", west, south + (rows - 1) * dy, dx, dy, columns, rows)
    frame = frame._replace(crs=_find_crs(file, frame, crs))
    find_box(file.name, frame)
    return Sheet(file.name, frame, _blocks_of_asc(file.name, content, rest, frame.cells, void))


def _read_head(name: str, content: IO[bytes]) -> tuple[dict[str, str], bytes]:
    """Return the words before the heights, and the first line after them."""
    head: dict[str, str] = {}
    while True:
        line = content.readline(1 << 16)
        words = line.split()
        if len(words) == 2 and words[0][:1].isalpha() and words[0].lower() != b"nan":  # noqa: PLR2004  a word and its value
            head[words[0].decode("latin-1").lower()] = words[1].decode("latin-1")
        elif line and not words:
            continue
        elif not head:
            raise Refused(
                f"{name} is no ESRI ASCII grid: it does not begin with ncols; give {ACCEPTED}", code="no_heights"
            )
        else:
            return head, line


def _blocks_of_asc(
    name: str, content: IO[bytes], rest: bytes, cells: int, void: float
) -> Iterator[NDArray[np.float32]]:
    read = 0
    while True:
        chunk = content.read(BLOCK)
        text = rest + chunk
        cut = max(text.rfind(b" "), text.rfind(b"\n"), text.rfind(b"\t")) if chunk else len(text)
        if chunk and cut < 0:
            rest = text
            if len(rest) > 2 * BLOCK:
                raise Refused(f"{name} holds no heights after its head", code="broken_heights")
            continue
        text, rest = text[:cut], text[cut:]
        if text.strip():
            try:
                part = np.fromstring(text, np.float32, sep=" ")
            except ValueError:
                raise Refused(
                    f"{name} holds something other than numbers after height {read:,}", code="broken_heights"
                ) from None
            read += len(part)
            if read > cells:
                break
            part[part == np.float32(void)] = np.nan
            _check_heights(name, part)
            yield part
        if not chunk:
            break
    if read != cells:
        held = f"more than {cells:,}" if read > cells else f"{read:,}"
        raise Refused(f"{name} holds {held} heights, its head says {cells:,}; download it again", code="broken_heights")


def _check_heights(name: str, values: NDArray[np.float32]) -> None:
    wrong = values[(values < LOWEST) | (values > HIGHEST)]
    if len(wrong):
        raise Refused(
            f"{name} holds a height of {wrong[0]:g}; land lies between {LOWEST:g} and {HIGHEST:g} m: are these metres,"
            " and is that the value of what is unknown (NODATA_value)?",
            code="not_metres",
        )


def _find_crs(file: File, frame: Frame, asked: str | None) -> str:
    """Find in which reference system a grid lies."""
    if asked is not None:
        return _name_crs(asked, f"--crs {asked}")
    if file.projection:
        return _name_crs(file.projection, f"the .prj of {file.name}")
    if re.search("LAMB(ERT)?-?_?93", file.name, re.IGNORECASE):
        return LAMBERT_93
    east, south = frame.west + frame.dx * frame.columns, frame.north - frame.dy * frame.rows
    on_earth = -MAX_LON <= frame.west < east <= MAX_LON + 1 and -MAX_LAT - 1 <= south < frame.north <= MAX_LAT
    if frame.dx < COARSEST_DEGREES and on_earth:
        return DEGREES
    if LAMBERT_BOX[0] <= frame.west <= LAMBERT_BOX[2] and LAMBERT_BOX[1] <= frame.north <= LAMBERT_BOX[3]:
        return LAMBERT_93
    raise Refused(
        f"{file.name} does not say in which reference system {frame.west:g}, {frame.north:g} is; give it with --crs, as"
        " --crs EPSG:2154",
        code="no_georeference",
    )


def _name_crs(text: str, where: str) -> str:
    """Return a reference system as ``EPSG:...`` where it has such a name; its units must be metres or degrees."""
    try:
        crs = pyproj.CRS.from_user_input(text)
    except ProjError:
        raise InvalidInput(f"{where} is no reference system; write it like EPSG:2154") from None
    unit = crs.axis_info[0].unit_name if crs.axis_info else ""
    if unit not in {"metre", "degree"}:
        raise Refused(f"{where} counts in {unit or 'nothing'}; metres or degrees are read", code="no_georeference")
    known = crs.to_epsg(min_confidence=60)
    return f"EPSG:{known}" if known else crs.to_wkt()


def find_box(name: str, frame: Frame) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a sheet in degrees.

    Raises
    ------
    Refused
        When it lies nowhere, or far outside of where its reference system is used.
    """
    east, south = frame.west + frame.dx * (frame.columns - 1), frame.north - frame.dy * (frame.rows - 1)
    to_degrees = pyproj.Transformer.from_crs(frame.crs, DEGREES, always_xy=True)
    box = to_degrees.transform_bounds(frame.west, south, east, frame.north)
    used = pyproj.CRS.from_user_input(frame.crs).area_of_use
    margin = 1.0
    fits = np.isfinite(box).all() and (
        used is None
        or (
            (box[0] >= used.west - margin and box[2] <= used.east + margin)
            and (box[1] >= used.south - margin and box[3] <= used.north + margin)
        )
    )
    if not fits:
        raise Refused(
            f"{name} lies outside of where {frame.crs} is used ({frame.west:g}, {frame.north:g}); give the right one"
            " with --crs",
            code="no_georeference",
        )
    return tuple(round(float(side), 6) for side in box)  # type: ignore[return-value]
