"""Height models as publishers give them: read, checked, kept whole or not at all, asked for heights."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import pytest

from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound, Refused
from mobigo.terrain.heights import open_terrain
from mobigo.terrain.service import load_terrain, name_content, remove_terrain
from mobigo.terrain.store import list_models, lock_loading

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.terrain.model import Report

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WEST, SOUTH = 800_000.0, 6_700_000.0
"""Near Semur-en-Auxois, Lambert-93."""

TO_DEGREES = pyproj.Transformer.from_crs("EPSG:2154", "EPSG:4326", always_xy=True)


def asc(
    rows: list[str], west: float = WEST, south: float = SOUTH, step: float = 25.0, *, corner: str = "corner"
) -> str:
    return (
        f"ncols {len(rows[0].split())}\nnrows {len(rows)}\nxll{corner} {west}\nyll{corner} {south}\n"
        f"cellsize {step}\nNODATA_value -99999.00\n" + "\n".join(rows) + "\n"
    )


def plane(columns: int, rows: int, west: float = WEST, south: float = SOUTH, step: float = 25.0) -> str:
    """A plane that rises 10 m per 100 m to the east and 5 m to the north; its heights lie in the middle of cells."""
    x = west + step * (np.arange(columns) + 0.5) - WEST
    y = south + step * (np.arange(rows)[::-1] + 0.5) - SOUTH
    heights = 300 + 0.1 * x + 0.05 * y[:, None]
    return asc([" ".join(f"{height:.3f}" for height in row) for row in heights], west, south, step)


def load(file: Path, home: Path, name: str = "terrain", **more: str) -> Report:
    return load_terrain(file, name, home, now=NOW, **more)  # type: ignore[arg-type]


def height(home: Path, *places: tuple[float, float]) -> list[float]:
    """Heights at metres east and north of the corner."""
    terrain = open_terrain(home)
    assert terrain is not None
    lon, lat = TO_DEGREES.transform([WEST + x for x, _ in places], [SOUTH + y for _, y in places])
    return terrain.heights(np.array(lon), np.array(lat)).tolist()


def test_a_plane_is_a_plane_between_its_heights_also_over_the_seam_of_two_sheets(tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "BDALTI_0800_6701_MNT_LAMB93_IGN69.asc").write_text(plane(20, 20))
    (folder / "BDALTI_0801_6701_MNT_LAMB93_IGN69.asc").write_text(plane(20, 20, WEST + 500))
    (folder / "BDALTI_0800_6701_SRC_LAMB93_IGN69.asc").write_text(plane(20, 20))  # numbers of sources, not heights
    (folder / "readme.txt").write_text("IGN")
    report = load(folder, tmp_path)
    assert (report.status, len(report.model.sheets)) == ("active", 2)
    assert report.left_out == ("BDALTI_0800_6701_SRC_LAMB93_IGN69.asc", "readme.txt")
    places = [(100.0, 100.0), (496.0, 250.0), (500.0, 251.0), (507.0, 222.2), (900.0, 333.0)]
    assert height(tmp_path, *places) == pytest.approx([300 + 0.1 * x + 0.05 * y for x, y in places], abs=1e-3)
    assert np.isnan(height(tmp_path, (-500.0, 0.0), (5.0, 250.0))).all()  # beyond the first heights


def test_what_is_not_known_is_not_zero(tmp_path: Path) -> None:
    rows = [" ".join(["400"] * 9)] * 9
    rows[4] = "400 400 400 400 -99999 400 400 400 400"
    (tmp_path / "hole.asc").write_text(asc(rows))
    report = load(tmp_path / "hole.asc", tmp_path)
    told = report.model.describe()
    assert (told["unknown"], told["cells"], told["lowest"], told["highest"]) == (1, 81, 400.0, 400.0)
    middle = 4.5 * 25
    found = height(tmp_path, (middle, middle), (middle + 20, middle), (middle + 50, middle), (37.5, 37.5))
    assert np.isnan(found[:2]).all()
    assert found[2:] == [400.0, 400.0]  # of the pairs about it one is a hole: left out


def test_the_finer_model_wins_and_the_coarser_fills_its_holes(tmp_path: Path) -> None:
    fine = [" ".join(["500"] * 40)] * 40
    fine[20] = " ".join(["500"] * 20 + ["-99999"] + ["500"] * 19)
    (tmp_path / "coarse.asc").write_text(asc([" ".join(["100"] * 40)] * 40))
    (tmp_path / "fine.asc").write_text(asc(fine, step=5.0))
    load(tmp_path / "coarse.asc", tmp_path, "bdalti")
    load(tmp_path / "fine.asc", tmp_path, "rgealti")
    hole = (20.5 * 5, (40 - 20.5) * 5)
    assert height(tmp_path, (60.0, 60.0), hole, (700.0, 700.0)) == [500.0, 100.0, 100.0]
    remove_terrain("rgealti", tmp_path)
    assert height(tmp_path, (60.0, 60.0)) == [100.0]
    with pytest.raises(NotFound, match="rgealti"):
        remove_terrain("rgealti", tmp_path)


def hgt(heights: np.ndarray) -> bytes:
    return heights.astype(">i2").tobytes()


@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_srtm_heights_lie_where_the_name_says(tmp_path: Path, packed: str) -> None:
    seconds = np.arange(1201) * 3
    heights = 100 + seconds[None, :] // 36 + seconds[::-1, None] // 72  # metres: every 36" east, every 72" north one
    heights[600, 600] = -32768
    file = tmp_path / f"N47E004.hgt{packed}"
    if packed == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("N47E004.hgt", hgt(heights))
    else:
        file.write_bytes(gzip.compress(hgt(heights), 1) if packed else hgt(heights))
    report = load(file, tmp_path)
    assert report.model.describe()["box"] == [4.0, 47.0, 5.0, 48.0]
    terrain = open_terrain(tmp_path)
    assert terrain is not None
    # 4° 15' E, 47° 30' N: 900" east, 1800" north; the steps between heights are smoothed, hence about
    found = terrain.heights(np.array([4.25, 4.5, 4.75]), np.array([47.5, 47.5, 47.0]))
    assert found[0] == pytest.approx(100 + 25 + 25, abs=1)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(100 + 75, abs=1)


def test_the_same_content_again_changes_nothing_and_other_content_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "a.asc"
    file.write_text(plane(5, 5))
    load(file, tmp_path)
    named = name_content(tmp_path)
    assert load(file, tmp_path).status == "unchanged"
    assert name_content(tmp_path) == named
    file.write_text(asc(["7 7 7"] * 3))
    assert load(file, tmp_path).status == "active"
    assert name_content(tmp_path) != named
    assert len([one for one in (tmp_path / "terrain").iterdir() if one.is_dir()]) == 1
    remove_terrain("terrain", tmp_path)
    assert name_content(tmp_path) is None
    assert open_terrain(tmp_path) is None


GOOD = plane(5, 5)
PRJ = pyproj.CRS.from_epsg(2154).to_wkt("WKT1_ESRI")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("short.asc", GOOD[:-20], "broken_heights"),
        ("long.asc", GOOD + "1 2 3\n", "broken_heights"),
        ("words.asc", GOOD.replace("301.", "three."), "broken_heights"),
        ("commas.asc", GOOD.replace("301.", "300,"), "broken_heights"),
        ("html.asc", "<!doctype html>", "no_heights"),
        ("empty.asc", "", "no_heights"),
        ("headless.asc", GOOD.replace("cellsize 25.0\n", ""), "no_georeference"),
        ("negative.asc", GOOD.replace("cellsize 25.0", "cellsize -25"), "no_georeference"),
        ("nowhere.asc", GOOD.replace("800000.0", "8000000.0"), "no_georeference"),
        ("LAMB93.asc", GOOD.replace("6700000.0", "1700000.0"), "no_georeference"),
        ("centimetres.asc", GOOD.replace("301.", "30000."), "not_metres"),
        ("void.asc", GOOD.replace("301.875", "-9999"), "not_metres"),
        ("unknown.asc", asc(["-99999 -99999"] * 2), "no_heights"),
        ("huge.asc", GOOD.replace("ncols 5", "ncols 500000000"), "too_many_heights"),
        ("N47E004.hgt", "too short", "broken_heights"),
        ("height.hgt", "0" * 2 * 1201 * 1201, "no_georeference"),
        ("heights.tif", "II*", "format_not_read"),
        ("heights.7z", "7z", "format_not_read"),
        ("heights.txt", GOOD, "no_heights"),
        ("heights.zip", "PK", "broken_heights"),
        ("heights.asc.gz", "no gzip", "broken_heights"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_and_the_former_model_stays(
    tmp_path: Path, name: str, text: str, code: str
) -> None:
    former = tmp_path / "former.asc"
    former.write_text(GOOD)
    load(former, tmp_path)
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(Refused) as refused:
        load(file, tmp_path)
    assert refused.value.code == code
    assert name in str(refused.value) or name.removesuffix(".gz") in str(refused.value)
    assert height(tmp_path, (62.5, 62.5)) == pytest.approx([300 + 6.25 + 3.125], abs=1e-3)
    assert [one.name for one in (tmp_path / "terrain").iterdir() if one.name.endswith(".new")] == []


def test_one_broken_sheet_of_a_folder_leaves_all_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "1.asc").write_text(GOOD)
    (folder / "2.asc").write_text(GOOD[:-20])
    with pytest.raises(Refused, match=r"2\.asc"):
        load(folder, tmp_path)
    assert list_models(tmp_path) == {}


def test_where_a_grid_lies_is_said_by_hand_or_by_a_prj(tmp_path: Path) -> None:
    utm = pyproj.Transformer.from_crs("EPSG:2154", "EPSG:32631", always_xy=True).transform(WEST, SOUTH)
    grid = asc(["250 250 250"] * 3, utm[0] - 50, utm[1] - 50, 50.0)
    file = tmp_path / "utm.asc"
    file.write_text(grid)
    with pytest.raises(Refused, match="--crs"):
        load(file, tmp_path)
    load(file, tmp_path, crs="EPSG:32631")
    assert height(tmp_path, (0.0, 0.0)) == [250.0]
    with pytest.raises(InvalidInput, match="EPSG"):
        load(file, tmp_path, crs="Lambert")
    with pytest.raises(Refused, match="foot"):
        load(file, tmp_path, crs="EPSG:2263")
    (tmp_path / "utm.prj").write_text(pyproj.CRS.from_epsg(32631).to_wkt("WKT1_ESRI"))
    load(file, tmp_path)
    assert height(tmp_path, (0.0, 0.0)) == [250.0]
    assert list_models(tmp_path)["terrain"].describe()["crs"] == ["EPSG:32631"]


def test_degrees_in_an_ascii_grid(tmp_path: Path) -> None:
    file = tmp_path / "copernicus.asc"
    file.write_text(asc([" ".join(["333"] * 10)] * 10, 4.3, 47.4, 1 / 3600, corner="center"))
    load(file, tmp_path)
    terrain = open_terrain(tmp_path)
    assert terrain is not None
    found = terrain.heights(np.array([4.301, 4.2]), np.array([47.401, 47.401]))
    assert found[0] == 333.0
    assert np.isnan(found[1])


def test_two_loads_at_once_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "a.asc").write_text(GOOD)
    with lock_loading(tmp_path), pytest.raises(Conflict):
        load(tmp_path / "a.asc", tmp_path)


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a b", "x" * 41])
def test_a_name_is_a_word(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.asc").write_text(GOOD)
    with pytest.raises(MobigoError, match="cannot name"):
        load(tmp_path / "a.asc", tmp_path, name)
