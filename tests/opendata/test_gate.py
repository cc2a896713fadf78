"""What stands between what was made and what is published: validators of others, our own importers, their reports."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from rdflib import RDF, Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS

from mobigo.db.engine import libpq_conninfo
from mobigo.opendata import gate, service, store
from mobigo.opendata.making import Draft, Made, Maker, Making, Publisher
from mobigo.opendata.model import Dataset, Problem, Said, Severity
from mobigo.opendata.schemas import SHAPES, SchemaWorker, check_xml, read_shapes
from mobigo.opendata.service import Outcome, Press
from mobigo.transit.load import load_gtfs, rehearse_load

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
REGION = Publisher("La Région", "https://region.example", email="contact@region.example")
ONE = Dataset("one", {"fr": "Un", "en": "One"}, {"fr": "Un", "en": "One"}, "places")
LINES = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="lines"><xs:complexType><xs:sequence>
<xs:element name="line" type="xs:NMTOKEN" maxOccurs="9"/></xs:sequence></xs:complexType></xs:element></xs:schema>"""


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A folder with a small schema in the place of that of NeTEx."""
    folder = tmp_path / "schemas"
    (folder / "netex").mkdir(parents=True)
    (folder / "netex/NeTEx_publication.xsd").write_text(LINES)
    return folder


@pytest.fixture
def worker(schemas: Path) -> Iterator[SchemaWorker]:
    worker = SchemaWorker(schemas)
    yield worker
    worker.close()


def pack(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.xml", text)
    return path


def test_one_process_checks_every_document_by_the_schema_it_compiled_once(worker: SchemaWorker, tmp_path: Path) -> None:
    good, bad = "<lines><line>12</line></lines>", "<lines>\n<line>1 2</line></lines>"
    assert worker.check("NeTEx", pack(tmp_path / "good.zip", a=good, b=good)) == []
    assert worker._process is not None
    first = worker._process.pid
    (problem,) = worker.check("NeTEx", pack(tmp_path / "bad.zip", a=good, b=bad, c="<lines"))
    assert (problem.code, problem.severity, problem.count) == ("not_valid", Severity.ERROR, 2)
    assert problem.sample.startswith("b.xml, line 2: Element 'line'")
    assert worker._process.pid == first


def test_a_document_cannot_make_the_process_read_other_files(worker: SchemaWorker, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("12")
    text = f'<!DOCTYPE lines [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><lines><line>&x;</line></lines>'
    assert [one.severity for one in worker.check("NeTEx", pack(tmp_path / "evil.zip", a=text))] == [Severity.ERROR]


def test_a_process_that_dies_holds_back_and_the_next_question_starts_another(
    worker: SchemaWorker, tmp_path: Path
) -> None:
    path = pack(tmp_path / "good.zip", a="<lines><line>12</line></lines>")
    assert worker.check("NeTEx", path) == []
    assert worker._process is not None
    os.kill(worker._process.pid, 9)
    worker._process.wait()
    assert worker.check("NeTEx", path) == []
    (problem,) = worker.check("NeTEx", tmp_path / "not there")
    assert (problem.code, problem.severity) == ("validator_failed", Severity.ERROR)
    (problem,) = worker.check("SIRI", path)
    assert problem.code == "validator_failed"


def test_what_nobody_could_check_is_told(tmp_path: Path, schemas: Path) -> None:
    (none,) = check_xml(None, "NeTEx", tmp_path)
    (other,) = check_xml(schemas, "SIRI", tmp_path)
    shapes = read_shapes(schemas)
    assert isinstance(shapes, Problem)
    for one in (none, other, shapes):
        assert (one.code, one.severity) == ("not_checked", Severity.INFO)
    assert "MOBIGO_SCHEMAS" in none.sample


def make_table(tmp_path: Path, text: str, **constraints: object) -> list[Problem]:
    (tmp_path / "t.csv").write_text(text, "utf-8")
    fields = [
        {"name": "id", "type": "string", "constraints": {"required": True, "unique": True, "pattern": "[A-Z]{2}"}},
        {"name": "n", "type": "integer", "constraints": constraints},
    ]
    return gate.check_table("t.csv", tmp_path / "t.csv", fields)


@pytest.mark.parametrize(
    ("rows", "constraints", "codes"),
    [
        ("AB,1\nCD,", {}, []),
        ("AB,1\nAB,2", {}, ["not_unique"]),
        (",1", {}, ["required"]),
        ("ab,1", {}, ["pattern"]),
        ("AB,one", {}, ["not_integer"]),
        ("AB,1,2", {}, ["row_length"]),
        ("AB,9", {"maximum": 5}, ["maximum"]),
        ("AB,1", {"minimum": 5}, ["minimum"]),
        ("AB,3", {"enum": ["1", "2"]}, ["enum"]),
        ("AB,", {"required": True}, ["required"]),
    ],
)
def test_tables_are_read_by_types_and_constraints(
    tmp_path: Path, rows: str, constraints: dict[str, Any], codes: list[str]
) -> None:
    assert [one.code for one in make_table(tmp_path, f"id,n\n{rows}\n", **constraints)] == codes


def test_a_table_with_other_columns_or_none_is_refused(tmp_path: Path) -> None:
    assert [one.code for one in make_table(tmp_path, "id,m\n")] == ["other_columns"]
    assert [one.code for one in make_table(tmp_path, "")] == ["other_columns"]


def let_make(monkeypatch: pytest.MonkeyPatch, name: str, form: str, content: bytes, **more: str) -> None:
    """Have one data set made, of a file."""

    def make(making: Making) -> Draft:
        files = []
        for one, kind, bytes_ in ((name, form, content), *((n, "JSON", t.encode()) for n, t in more.items())):
            path = making.folder / one
            path.write_bytes(bytes_)
            files.append(Made(path, one, "text/plain", kind, "ab" * 32))
        return Draft(Said("etalab-2.0", counts={"rows": len(content)}), tuple(files))

    monkeypatch.setattr(service, "list_makers", lambda _: [Maker(ONE, make)])


def test_a_wrong_table_and_one_without_schema_are_held_back(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    press = Press(database_url, tmp_path, REGION, NOW)
    let_make(monkeypatch, "a.csv", "CSV", b"n\n1\n")
    (done,) = press.publish()
    assert (done.outcome, done.problems[0].code) == (Outcome.FAILED, "no_schema")
    schema = json.dumps({"fields": [{"name": "n", "type": "integer"}]})
    let_make(monkeypatch, "a.csv", "CSV", b"n\nx\n", **{"a.schema.json": schema})
    (done,) = press.publish()
    assert (done.outcome, done.problems[0].code) == (Outcome.FAILED, "not_integer")
    let_make(monkeypatch, "a.csv", "CSV", b"n\n1\n", **{"a.schema.json": schema})
    (done,) = press.publish()
    assert done.outcome is Outcome.PUBLISHED
    assert [one.code for one in done.problems] == ["not_checked"]


def test_invalid_xml_is_held_back_and_what_was_unchecked_is_judged_when_schemas_come(
    database_url: str, tmp_path: Path, schemas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = pack(tmp_path / "n.zip", a="<lines><line>12</line></lines>").read_bytes()
    let_make(monkeypatch, "netex.zip", "NeTEx", good)
    (done,) = Press(database_url, tmp_path, REGION, NOW).publish()
    assert (done.outcome, {one.validator for one in done.problems}) == (Outcome.PUBLISHED, {"XSD", "SHACL"})
    later = Press(database_url, tmp_path, REGION, NOW + timedelta(minutes=1), schemas)
    (done,) = later.publish()
    assert (done.outcome, [one.validator for one in done.problems]) == (Outcome.UNCHANGED, ["SHACL"])
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        standing = store.find_standing(connection, "one")
        assert standing is not None
        assert standing.report is not None
        assert [one.validator for one in standing.found] == ["SHACL"]
        assert standing.current is not None
        assert len(standing.current.said.problems) == 2
    with monkeypatch.context() as patch:  # what cannot be checked today either is no reason to look again
        patch.setattr(gate, "judge", pytest.fail)
        assert later.publish()[0].outcome is Outcome.UNCHANGED
    let_make(monkeypatch, "netex.zip", "NeTEx", good)
    bad = pack(tmp_path / "n.zip", a="<lines><line>1 2</line></lines>").read_bytes()
    let_make(monkeypatch, "netex.zip", "NeTEx", bad)
    monkeypatch.setattr(service, "_name", lambda _: "other content")
    (done,) = later.publish()
    assert (done.outcome, done.version, done.problems[0].code) == (Outcome.FAILED, 1, "not_valid")


def test_what_did_not_change_is_judged_again_every_night(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_make(monkeypatch, "one.txt", "TXT", b"x")
    asked: list[datetime] = []

    def judge(making: Making, *_: object) -> list[Problem]:
        asked.append(making.now)
        return [] if len(asked) < 3 else [Problem("outside", "expired", Severity.ERROR, 1)]

    monkeypatch.setattr(gate, "judge", judge)
    hours = (0, 2, 24, 48, 50)
    nights = [NOW + timedelta(hours=one) for one in hours]
    outcomes = [Press(database_url, tmp_path, REGION, night).publish()[0].outcome for night in nights]
    assert asked == [NOW, nights[2], nights[3]]
    assert outcomes[:3] == [Outcome.PUBLISHED, Outcome.UNCHANGED, Outcome.UNCHANGED]
    assert outcomes[3:] == [Outcome.FAILED, Outcome.FAILED]  # nothing changed, and it is still wrong
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        standing = store.find_standing(connection, "one")
        assert standing is not None
        assert standing.current is not None
        assert standing.current.number == 1
        assert [one.code for one in standing.found] == ["expired"]


def test_a_feed_is_loaded_back_without_a_trace(database_url: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as archive:
        for file in DEMONSTRATION.iterdir():
            archive.write(file, file.name)
    report = rehearse_load(tmp_path / "feed.zip", database_url, now=NOW)
    assert (report.status, report.dropped) == ("active", {})
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        for table in ("feed", "feed_version", "trips", "stops", "stop_times"):
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert row == (0,), table
    assert load_gtfs(DEMONSTRATION, "demo", database_url, now=NOW).counts == report.counts


def test_rows_that_do_not_come_back_are_held_back(database_url: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as archive:
        for file in DEMONSTRATION.iterdir():
            text = file.read_text("utf-8")
            if file.name in {"transfers.txt", "routes.txt"}:
                header, first, *rest = text.splitlines()
                text = "\n".join([header, first, first, *rest]) + "\n"
            archive.writestr(file.name, text)
    made = Made(tmp_path / "feed.zip", "feed.zip", "application/zip", "GTFS", "k")
    making: Any = type("M", (), {"database": database_url, "now": NOW})()
    found = gate._load_back(making, made)
    assert {one.code for one in found} == {"rows_lost"}
    assert found[0].sample.startswith("routes.txt line 3")
    (tmp_path / "feed.zip").write_bytes(b"no archive")
    assert [one.severity for one in gate._load_back(making, made)] == [Severity.ERROR]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_catalogue_that_breaks_a_shape_is_an_error(test_data: Path) -> None:
    shapes = read_shapes(test_data.parent / "schemas")
    assert isinstance(shapes, Graph)
    assert len(SHAPES) == 6
    broken = Graph()
    node = URIRef("https://region.example/opendata/x")
    broken.add((node, RDF.type, DCAT.Dataset))
    broken.add((node, DCTERMS.publisher, URIRef("https://region.example")))
    found = gate.check_shapes(broken, shapes)
    assert {"title", "description"} <= {one.code for one in found if one.severity is Severity.ERROR}
