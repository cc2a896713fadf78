"""Catalogues as documents: read, checked with a sentence for each fault, written back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.document import describe_document, read_document, read_json, read_toml, write_document
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from mobigo.fares.catalogue import Catalogue

LEAST: dict[str, Any] = {"name": {"fr": "Essai", "en": "Trial"}, "valid_from": "2026-01-01"}
COACH = {"id": "coach", "name": {"fr": "Car", "en": "Coach"}, "kind": "single", "prices": [{"cents": 150}]}


def read(**members: Any) -> Catalogue:  # noqa: ANN401 - any document
    return read_document({**LEAST, **members}, id_="region")


def test_the_demonstration_is_written_and_read_back() -> None:
    shipped = read_demonstration()
    document = json.loads(json.dumps(write_document(shipped)))
    assert read_document(document, id_="region") == shipped
    assert shipped.demonstration


def test_what_is_usual_is_not_written() -> None:
    assert write_document(read(products=[COACH])) == {**LEAST, "products": [COACH]}


def test_what_has_no_english_name_has_its_french_one() -> None:
    assert read(name={"fr": "Essai"}).name.en == "Essai"


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"foo": 1}, "foo: no such word here"),
        ({"version": 3}, "version: given when it is kept"),
        ({"currency": "eur"}, "'eur' is no code of ISO 4217"),
        ({"timezone": "Europe/Dijon"}, "timezone: 'Europe/Dijon' is no timezone"),
        ({"timezone": "../../etc/passwd"}, "is no timezone"),
        ({"products": [COACH, COACH]}, "products: 'coach' is there 2 times"),
        ({"products": [{**COACH, "prices": []}]}, "products coach: no prices"),
        ({"products": [{**COACH, "prices": [{}]}]}, "either cents or a scale"),
        ({"products": [{**COACH, "prices": [{"cents": -1}]}]}, "-1 is not between 0 and"),
        ({"products": [{**COACH, "prices": [{"cents": 1.5}]}]}, "prices[0].cents: input should be a valid integer"),
        ({"products": [{**COACH, "prices": [{"scale": "rail"}]}]}, "'rail' is none of the scales"),
        ({"products": [{**COACH, "prices": [{"cents": 1, "category": "x"}]}]}, "'x' is none of the categories"),
        (
            {
                "products": [
                    {**COACH, "prices": [{"cents": 1, "until": "2026-06-30"}, {"cents": 2, "since": "2026-06-30"}]}
                ]
            },
            "another row of the same category and medium holds on some of its days",
        ),
        ({"products": [{**COACH, "kind": "carnet"}]}, "a carnet says how many"),
        ({"products": [{**COACH, "vat_permille": 1001}]}, "1001 is not between 0 and 1000"),
        ({"products": [{**COACH, "min_fellows": 3}]}, "max_fellows: 1 is not between 3"),
        ({"products": [{**COACH, "validity": {"mode": "fixed", "unit": "hour"}}]}, "a fixed validity is of days"),
        ({"products": [{**COACH, "covers": {"choice": "areas"}}]}, "areas_chosen: how many"),
        ({"products": [{**COACH, "name": {"fr": " "}}]}, "products[0].name.fr: is empty"),
        ({"products": [{**COACH, "name": {"fr": "a\x00b"}}]}, "holds a control character"),
        ({"products": [{**COACH, "id": "x" * 201}]}, "201 characters, 200 at most"),
        ({"scales": [{"id": "rail", "bands": []}]}, "scales rail: no bands"),
        ({"scales": [{"id": "r", "bands": [{"cents": 1, "up_to": 5}, {"cents": 2, "up_to": 5}]}]}, "is not above 5"),
        ({"scales": [{"id": "r", "bands": [{"cents": 1}, {"cents": 2, "up_to": 5}]}]}, "only the last band"),
        ({"days": [{"id": "d", "weekdays": [7]}]}, "each of 0 (Monday) to 6 (Sunday)"),
        ({"timeframes": [{"id": "t", "spans": [{"days": "d"}]}]}, "'d' is none of the days"),
        ({"categories": [{"id": "a", "name": {"fr": "A"}, "min_age": 9, "max_age": 8}]}, "is above max_age 8"),
        (
            {"reductions": [{"id": "r", "name": {"fr": "R"}, "permille": 300, "card": "coach"}], "products": [COACH]},
            "product coach is no reduction card",
        ),
        (
            {"tariffs": [{"id": "t", "timezone": "Europe/Paris", "transfers": [{"kind": "rule", "from_group": "g"}]}]},
            "'g' is no group of the tariff's leg rules",
        ),
        (
            {"tariffs": [{"id": "t", "timezone": "Europe/Paris", "legs": [{"product": "p"}]}]},
            "'p' is none of the products",
        ),
        (
            {"sales_points": [{"id": "s", "name": "S", "lon": 200, "lat": 0, "channel": "desk"}]},
            "are no place on the globe",
        ),
    ],
)
def test_each_fault_is_named_with_its_place(members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as told:
        read(**members)
    assert sentence in str(told.value)


def test_many_faults_are_counted() -> None:
    with pytest.raises(InvalidInput, match="and 30 more; correct it"):
        read(products=[{**COACH, "id": f"p{n}", "prices": []} for n in range(50)])


@pytest.mark.parametrize("text", ["[", "[1]", '"a"', "{}", "[" * 100_000, "null", '{"name": 1e999}'])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_json(text, id_="region")
    with pytest.raises(InvalidInput):
        read_toml(text, id_="region")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
MEMBERS = tuple(describe_document()["properties"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4))
def test_hostile_documents_never_end_in_a_traceback(members: dict[str, Any]) -> None:
    try:
        found = read(**members)
    except InvalidInput:
        return
    assert read_document(write_document(found), id_="region") == found
