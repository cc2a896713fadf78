"""Bundles: what changed makes the same of the one before as a whole one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tickets.conftest import NOON

from mobigo.tickets import bundle as bundles
from mobigo.tickets.bundle import ANY, Bundle, Extract, FareNetwork
from mobigo.tickets.claims import write_id
from mobigo.tickets.keys import Key, Keyring, Use
from mobigo.tickets.model import Malformed

PRIVATE = Ed25519PrivateKey.generate()
KEY = Key(
    7,
    "mobigo",
    Use.BUNDLE,
    PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    NOON,
    NOON + timedelta(days=90),
    NOON + timedelta(days=400),
)

names = st.text(max_size=5)
extracts = st.builds(
    Extract,
    st.dictionaries(names, st.tuples(names, names), max_size=3),
    st.dictionaries(names, st.builds(FareNetwork, *[st.frozensets(names, max_size=3)] * 4), max_size=3),
    st.dictionaries(names, st.frozensets(names, max_size=4), max_size=3),
)
contents = st.builds(
    Bundle,
    version=st.just(1),
    made_at=st.just(NOON),
    valid_until=st.just(NOON + timedelta(days=7)),
    keys=st.sampled_from([(), (KEY,), (replace(KEY, revoked_at=NOON),)]),
    extract=extracts,
    tickets=st.dictionaries(st.integers(0, 2**60 - 1), st.integers(ANY, 9), max_size=6),
    cards=st.frozensets(st.binary(min_size=16, max_size=16), max_size=4),
)


@settings(max_examples=150, deadline=None, database=None)
@given(contents, contents)
def test_what_changed_makes_the_same_as_a_whole_one(old: Bundle, new: Bundle) -> None:
    new = replace(new, version=2, made_at=NOON + timedelta(hours=1))
    assert bundles.unpack(bundles.pack(new), None) == new
    assert bundles.unpack(bundles.pack_delta(old, new), old) == new
    assert (bundles.digest(old) == bundles.digest(new)) == (
        replace(old, version=2, made_at=new.made_at, valid_until=new.valid_until) == new
    )


def test_a_hundred_thousand_denied_tickets_change_by_a_few_bytes() -> None:
    old = Bundle(1, NOON, NOON, (KEY,), Extract({}, {}, {}), dict.fromkeys(range(100_000), ANY), frozenset())
    new = replace(old, version=2, tickets={**old.tickets, 100_001: 2})
    assert len(bundles.pack_delta(old, new)) < 200
    assert bundles.unpack(bundles.pack_delta(old, new), old).tickets == new.tickets
    assert len(write_id(100_001)) == 12


def test_what_builds_on_another_or_is_not_signed_is_refused() -> None:
    one = Bundle(1, NOON, NOON, (KEY,), Extract({}, {}, {}), {}, frozenset())
    two = replace(one, version=2, cards=frozenset({bytes(16)}))
    with pytest.raises(Malformed, match="builds on"):
        bundles.unpack(bundles.pack_delta(one, two), None)
    with pytest.raises(Malformed, match="builds on"):
        bundles.unpack(bundles.pack_delta(one, two), two)
    sealed = bundles.seal(bundles.pack(one), KEY.kid, PRIVATE.sign)
    assert bundles.open_sealed(sealed, Keyring([KEY]), NOON) == bundles.pack(one)
    for keys, at in (
        (Keyring([]), NOON),
        (Keyring([replace(KEY, revoked_at=NOON)]), NOON),
        (Keyring([KEY]), NOON + timedelta(days=401)),
    ):
        with pytest.raises(Malformed, match="no longer believed"):
            bundles.open_sealed(sealed, keys, at)
    with pytest.raises(Malformed, match="does not fit"):
        bundles.open_sealed(bundles.seal(bundles.pack(two), KEY.kid, lambda _: bytes(64)), Keyring([KEY]), NOON)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None, database=None)
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for read in (lambda: bundles.unpack(data, None), lambda: bundles.open_sealed(data, Keyring([KEY]), NOON)):
        with pytest.raises(Malformed):
            read()
