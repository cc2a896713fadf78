"""Sealed texts: nobody else can write one, for no other purpose is it any."""

from __future__ import annotations

import pytest

from mobigo.kit.sealed import LONGEST, seal, unseal

KEY = b"k" * 32


def test_what_was_sealed_is_read() -> None:
    content = [1, "Époisses", None, [47.5, 4.17]]
    assert unseal(KEY, b"one", seal(KEY, b"one", content)) == content


@pytest.mark.parametrize("purpose", [b"two", b""])
def test_for_another_purpose_it_is_nothing(purpose: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unseal(KEY, purpose, seal(KEY, b"one", [1]))


def test_no_letter_of_it_can_be_changed() -> None:
    text = seal(KEY, b"one", [1, "two"])
    for at in range(len(text)):
        other = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(ValueError, match=r".+"):
            unseal(KEY, b"one", other)


@pytest.mark.parametrize("text", ["", "A", "é", "!!!!", "A" * (LONGEST + 1)])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        unseal(KEY, b"one", text)
