"""The catalogue conforms to the shapes of DCAT-AP and mobilityDCAT-AP, and lists every file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pyshacl
import pytest
from rdflib import DCAT, RDF, Graph

from mobigo.opendata.catalogue import Catalogue
from mobigo.opendata.making import Publisher
from mobigo.opendata.model import Dataset, Piece, Said, Standing, Version
from mobigo.opendata.schemas import SHAPES

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BASE = "https://region.example/opendata"
REGION = Publisher("La Région", "https://region.example", BASE, email="contact@region.example")


def standing(id_: str, theme: str, form: str, licence: str = "etalab-2.0") -> Standing:
    piece = Piece("file.zip", "application/zip", form, 12, "ab" * 32, "https://gtfs.org/schedule/reference/")
    said = Said(licence, ("SNCF",), date(2026, 1, 1), date(2026, 12, 31), (2.8, 46.1, 7.1, 48.4), {"trips": 3})
    text = {"fr": "Horaires d'été", "en": "Timetables"}
    return Standing(Dataset(id_, text, text, theme), Version(id_, 1, "k", NOW, said, (piece,)), NOW)


STANDINGS = [
    standing("gtfs", "timetable", "GTFS"),
    standing("netex", "timetable", "NeTEx", "ODbL-1.0"),
    standing("carpool-places", "carpool", "CSV", "unstated"),
    Standing(Dataset("never", {"fr": "", "en": ""}, {"fr": "", "en": ""}, "usage"), None, NOW),
]


@pytest.fixture(scope="module")
def shapes(test_data: Path) -> Path:
    return test_data.parent / "schemas"


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_conforms(shapes: Path, name: str) -> None:
    graph = Graph().parse(data=Catalogue(REGION, STANDINGS).write("turtle"), format="turtle")
    conforms, _, text = pyshacl.validate(graph, shacl_graph=str(shapes / name), inference="none", advanced=True)
    assert conforms, text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the reader's own
def test_both_forms_say_the_same_and_every_file_is_listed() -> None:
    catalogue = Catalogue(REGION, STANDINGS)
    turtle = Graph().parse(data=catalogue.write("turtle"), format="turtle")
    linked = Graph().parse(data=catalogue.write("json-ld"), format="json-ld")
    assert len(turtle) == len(linked)
    urls = {str(url) for url in turtle.objects(None, DCAT.downloadURL)}
    assert urls == {f"{BASE}/{name}/file.zip" for name in ("gtfs", "netex", "carpool-places")}
    assert len(list(linked.subjects(RDF.type, DCAT.Dataset))) == 3


def test_the_same_content_is_the_same_text() -> None:
    texts = {Catalogue(REGION, STANDINGS).write(form) for form in ("turtle", "json-ld") for _ in range(2)}
    assert len(texts) == 2
