from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mobigo.kit.packed import Strings, map_packed, pack_strings, write_packed

if TYPE_CHECKING:
    from pathlib import Path


class Shelf(NamedTuple):
    names: Strings
    widths: NDArray[np.int32]
    table: NDArray[np.float64]
    empty: NDArray[np.uint8]


def shelf() -> Shelf:
    return Shelf(
        pack_strings(["Époisses", None, "Œuilly"]),
        np.array([3, 1, 2], np.int32),
        np.arange(6, dtype=np.float64).reshape(2, 3),
        np.zeros((0, 4), np.uint8),
    )


def test_what_is_written_is_mapped_back(tmp_path: Path) -> None:
    write_packed(tmp_path / "shelf", shelf())
    mapped = map_packed(tmp_path / "shelf", Shelf)
    assert mapped.names.all() == ["Époisses", "", "Œuilly"]
    assert mapped.names.at(2) == "Œuilly"
    np.testing.assert_array_equal(mapped.table, shelf().table)
    assert mapped.widths.dtype == np.int32
    assert mapped.empty.shape == (0, 4)


def test_mapped_arrays_are_read_only(tmp_path: Path) -> None:
    write_packed(tmp_path / "shelf", shelf())
    mapped = map_packed(tmp_path / "shelf", Shelf)
    for array in (mapped.widths, mapped.empty, mapped.names.blob):
        assert not array.flags.writeable


def test_a_folder_is_written_once(tmp_path: Path) -> None:
    write_packed(tmp_path / "shelf", shelf())
    with pytest.raises(FileExistsError):
        write_packed(tmp_path / "shelf", shelf())


def test_what_is_equal_to_another_value_is_not_written_again(tmp_path: Path) -> None:
    write_packed(tmp_path / "base", shelf())
    base = map_packed(tmp_path / "base", Shelf)
    changed = shelf()._replace(widths=np.array([3, 1, 2, 9], np.int32))
    write_packed(tmp_path / "changed", changed, base)
    assert (tmp_path / "changed" / "arrays.bin").stat().st_size == changed.widths.nbytes
    mapped = map_packed(tmp_path / "changed", Shelf, base)
    assert mapped.widths.tolist() == [3, 1, 2, 9]
    assert mapped.names.all() == ["Époisses", "", "Œuilly"]
    assert mapped.table is base.table


def test_many_threads_map_at_once(tmp_path: Path) -> None:
    write_packed(tmp_path / "shelf", shelf())
    with ThreadPoolExecutor(8) as pool:
        for mapped in pool.map(lambda _: map_packed(tmp_path / "shelf", Shelf), range(200)):
            assert mapped.widths.tolist() == [3, 1, 2]


@given(st.lists(st.text()))
def test_any_strings_survive(texts: list[str]) -> None:
    assert pack_strings(texts).all() == texts


@given(st.lists(st.text(max_size=3)), st.text(max_size=3))
def test_a_string_is_found_without_a_table_of_all(texts: list[str], wanted: str) -> None:
    packed = pack_strings(texts)
    for text in {*texts, wanted}:
        last = max((at for at, one in enumerate(texts) if one == text), default=-1)
        assert packed.find(text) == last
        assert packed.find_all(text) == [at for at, one in enumerate(texts) if one == text]
