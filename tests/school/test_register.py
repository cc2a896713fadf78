"""Lists in, rows in the database, lists out; all of a file or nothing."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from openpyxl import Workbook, load_workbook
from tests.conftest import new_database

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import NotFound, Refused
from mobigo.school import register_service as service
from mobigo.school import register_store as store
from mobigo.school.gaps import find_gaps
from mobigo.school.register import NO_HEALTH, SHEETS
from mobigo.school.register_service import Actor
from mobigo.school.sentences import say
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Iterator

YEAR = "2026-2027"
CODES = "UFR, accompagnateur, domicile, marche réduite"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STAFF = Actor("claire", "school", NOW)

SCHOOLS = """Code établissement;Nom;Niveau;Latitude;Longitude
0210034Y;Collège Pasteur;Collège;47,6347;4,3421
0210047M;Collège Christiane Perceret;COLLEGE;47.4935;4.3322
"""
STOPS = """Code arrêt;Nom;Latitude;Longitude;Cap
A1;Mairie;47,48;4,30;N
A2;Église;47,47;4,31;
"""
PUPILS = """Numéro;Nom;Prénom;Né(e) le;Code établissement;Niveau;Besoins;Adresse;Latitude;Longitude;Téléphone
1001;Lézard;Zoé;1/9/2014;0210047M;6e;UFR;3 rue du Secret;47,481;4,301;612345678
1002;Héron;Noé;12 mars 2013;0210047M;5e;;;;;
"""


@pytest.fixture(scope="module")
def shared(test_cluster: str) -> Iterator[psycopg.Connection[Any]]:
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def connection(shared: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """An empty register; nothing of a test stays."""
    yield shared
    shared.rollback()


def take(
    connection: psycopg.Connection[Any], text: str | bytes, name: str = "liste.csv", **more: object
) -> service.Report:
    content = text.encode() if isinstance(text, str) else text
    return service.import_file(connection, YEAR, content, name, STAFF, **more)  # type: ignore[arg-type]


def refuse(
    connection: psycopg.Connection[Any], text: str | bytes, name: str = "liste.csv", **more: object
) -> list[str]:
    """Sentences of the faults; nothing was written."""
    before = store.count_rows(connection, YEAR)
    with pytest.raises(Refused) as refused:
        take(connection, text, name, **more)
    assert store.count_rows(connection, YEAR) == before
    faults: Any = refused.value.members["faults"]
    return [f"{one['row']} {one['column']}: {one['what']}" for one in faults]


def workbook(**lists: list[list[object]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for name, rows in lists.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_lists_of_a_text_file_are_recognised_by_their_titles(connection: psycopg.Connection[Any]) -> None:
    assert take(connection, SCHOOLS).counts == {"schools": {"added": 2, "changed": 0, "removed": 0}}
    assert take(connection, STOPS).counts == {"stops": {"added": 2, "changed": 0, "removed": 0}}
    rows = store.list_rows(connection, YEAR, SHEETS["schools"])
    assert [row["id"] for row in rows] == ["0210034Y", "0210047M"]
    assert rows[0] == {
        "id": "0210034Y",
        "name": "Collège Pasteur",
        "level": "college",
        "lat": 47.6347,
        "lon": 4.3421,
        "commune": None,
    }
    assert [row["bearing"] for row in store.list_rows(connection, YEAR, SHEETS["stops"])] == [0.0, None]


def test_a_pupil_is_kept_by_a_key_and_the_names_apart(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    rows = store.list_rows(connection, YEAR, SHEETS["pupils"])
    assert {tuple(row) for row in rows} == {("key", "school", "level", "grade", "boarding", "needs")}
    assert sorted(row["needs"] for row in rows) == [(), ("wheelchair",)]
    zoe, noe = store.list_people(connection, YEAR)
    assert (zoe["last_name"], zoe["born"], zoe["phone"]) == ("Lézard", date(2014, 9, 1), "0612345678")
    assert (noe["born"], noe["address"], noe["weekdays"]) == (date(2013, 3, 12), None, (1, 2, 3, 4, 5))
    assert len(zoe["key"]) == 12
    take(connection, PUPILS.replace("3 rue du Secret", "4 rue du Secret"))
    again = store.list_people(connection, YEAR)[0]
    assert (again["key"], again["address"]) == (zoe["key"], "4 rue du Secret")


def test_columns_that_a_list_does_not_have_stay_as_they_are(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    take(connection, "Numéro;UAI;Niveau;Classe\n1001;0210047M;collège;6e B\n")
    zoe = store.list_people(connection, YEAR)[0]
    assert (zoe["grade"], zoe["last_name"], zoe["needs"]) == ("6e B", "Lézard", ("wheelchair",))


def test_everything_wrong_is_named_and_nothing_is_imported(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    text = (
        "Numéro;Nom;Prénom;Né(e) le;Code établissement;Niveau;Besoins;Latitude\n"
        "1;A;B;31/02/2014;0210047M;6e;;\n"
        "2;A;B;;0210099Z;6e;asthme;147\n"
        ";A;B;;0210047M;6e;;\n"
        "1;A;B;;0210047M;CE9;;\n"
        "5;A;B;;0210047M;6e;;\n"
    )
    assert refuse(connection, text) == [
        "2 Né(e) le: is no date; write one like 01/09/2026 or 2026-09-01",
        f"3 Besoins: is no list of codes; write any of: {CODES}; {say(NO_HEALTH).en}",
        "3 Latitude: is no latitude in degrees (WGS 84); write one like 47,4906",
        "4 Numéro: is blank; fill it in",
        "5 Niveau: 'CE9' is not known here; write one of: primaire, collège, lycée",
    ]


def test_what_a_row_names_must_be_there(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    assert refuse(connection, PUPILS.replace("0210047M;5e", "0219999X;5e")) == [
        "3 Code établissement: '0219999X' is not in list Établissements; add it there, or correct it"
    ]
    assert refuse(connection, "Élève;Course;Arrêt\n7;c;a\n") == [
        "2 Élève: this pupil is not in list Élèves; add it there, or correct it",
        "2 Course: 'c' is not in list Courses; add it there, or correct it",
        "2 Arrêt: 'a' is not in list Arrêts; add it there, or correct it",
    ]


def test_a_row_that_comes_twice_is_named_with_the_other(connection: psycopg.Connection[Any]) -> None:
    assert refuse(connection, STOPS + "A1;Mairie bis;47;4;\n") == [
        "4 Code arrêt: is the same as row 2: Code arrêt; leave one"
    ]


def test_a_workbook_of_many_sheets_comes_in_whole(connection: psycopg.Connection[Any]) -> None:
    content = workbook(
        **{
            "Lisez-moi": [["Une note"]],
            "Passages": [
                ["course", "rang", "heure", "arrêt", "UAI"],
                ["C1-M", 1, 0.3125, "A1", None],
                ["C1-M", 2, time(8, 5), None, "0210034Y"],
            ],
            "Courses": [["course", "circuit", "sens", "jours"], ["C1-M", "C1", "Matin", "lun. à ven."]],
            "Circuits": [
                ["", "", ""],
                ["Circuits du lot 3", None, None],
                ["N°", "libellé", "circuit"],
                [None, "Vitteaux", "C1"],
            ],
            "ARRETS": [["code", "libelle", "lat", "long"], ["A1", "Mairie", 47.48, 4.3]],
            "Etablissements": [["UAI", "Nom", "Type"], ["0210034Y", "Pasteur", "CLG"]],
        }
    )
    report = take(connection, content, "rentrée.xlsx")
    assert {one: counts["added"] for one, counts in report.counts.items()} == {
        "schools": 1,
        "stops": 1,
        "circuits": 1,
        "runs": 1,
        "calls": 2,
    }
    assert report.notes == [
        "sheet Lisez-moi is no list of the register; it was passed over",
        "sheet Circuits: not used: N°",
    ]
    calls = store.list_rows(connection, YEAR, SHEETS["calls"])
    assert [call["at"] for call in calls] == [7 * 3600 + 1800, 8 * 3600 + 300]
    assert store.list_rows(connection, YEAR, SHEETS["runs"])[0]["weekdays"] == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_text_files_come_in_any_usual_form(connection: psycopg.Connection[Any], encoding: str, delimiter: str) -> None:
    text = 'Code arrêt;Libellé;"Latitude";Longitude\r\n"A1";"Vitteaux, place";"47.4";"4.5"\r\n'.replace(";", delimiter)
    take(connection, text.encode(encoding))
    assert store.list_rows(connection, YEAR, SHEETS["stops"])[0]["name"] == "Vitteaux, place"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; send the file"),
        (b"PK\x03\x04 no archive", "is no workbook that can be read"),
        (b"\x00\x01\x02", "neither a workbook nor text"),
        (b"Code;Prix\n1;2\n", "holds no list of the register"),
    ],
)
def test_what_is_no_list_is_refused(connection: psycopg.Connection[Any], content: bytes, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        take(connection, content)
    assert refused.value.code == "broken_list"


def test_a_list_is_taken_as_what_one_says_it_is(connection: psycopg.Connection[Any]) -> None:
    assert refuse(connection, "code;nom\nA;B\n", only="stops") == [
        "1 Latitude, Longitude: has no column Latitude, Longitude; add it, or correct its title"
    ]


def test_a_whole_list_removes_what_it_does_not_name(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, STOPS)
    report = take(connection, STOPS.replace("A2;Église;47,47;4,31;\n", ""), replace=True)
    assert report.counts == {"stops": {"added": 0, "changed": 0, "removed": 1}}
    take(connection, PUPILS)
    sentences = refuse(connection, SCHOOLS.replace("0210047M", "0210048N"), replace=True)
    gone = "Élèves still name Code établissement 0210047M, which the file removes; keep it, or correct them first"
    assert sentences == [f"None None: {gone}"]


def test_what_is_exported_comes_in_again_the_same(connection: psycopg.Connection[Any]) -> None:
    whole = workbook(
        Etablissements=[["UAI", "Nom", "Niveau"], ["E1", "École", "primaire"]],
        Horaires=[
            ["UAI", "Trajet", "Jours", "Heure", "Au plus tôt"],
            ["E1", "matin", "lun mar jeu ven", "8h30", "8h20"],
        ],
        Transporteurs=[["code", "nom", "tel"], ["T1", "'=Cars & fils", "+33612345678"]],
        Véhicules=[
            ["code", "transporteur", "type", "places", "Coût par jour (€)"],
            ["V1", "T1", "autocar", 57, "312,50 €"],
        ],
        Règles=[["code", "début", "distance", "secteur"], ["R", "1er septembre 2026", "3 000", "oui"]],
        Élèves=[
            ["INE", "Nom", "UAI", "Niveau", "Né le", "Besoins", "Jours domicile 2"],
            ["0123", "@Doe", "E1", "primaire", date(2016, 2, 29), "UFR, domicile", "ma j"],
        ],
        Demandes=[["élève", "date", "objet", "statut"], ["0123", "03/09/26", "Changement", "en attente"]],
    )
    take(connection, whole)
    before = {one: store.list_rows(connection, YEAR, sheet) for one, sheet in SHEETS.items()}
    people = store.list_people(connection, YEAR)
    exported = service.export_workbook(connection, YEAR, STAFF, people=True)
    text = service.export_text(connection, YEAR, "operators", STAFF).content
    for one in reversed(SHEETS):
        store.remove_rows(connection, YEAR, SHEETS[one], store.list_keys(connection, YEAR, SHEETS[one]))
    take(connection, exported.content, exported.name)
    take(connection, text, "operators.csv")
    after = {one: store.list_rows(connection, YEAR, sheet) for one, sheet in SHEETS.items()}
    keyless = [
        {name: value for name, value in row.items() if name not in {"key", "pupil"}}
        for row in before["pupils"] + people
    ]
    assert [
        {n: v for n, v in row.items() if n not in {"key", "pupil"}}
        for row in after["pupils"] + store.list_people(connection, YEAR)
    ] == keyless
    for one in ("schools", "bells", "operators", "vehicles", "rules"):
        assert after[one] == before[one], one
    assert len(after["requests"]) == 1


def test_names_leave_only_when_asked_for_and_then_it_is_logged(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    plain = load_workbook(io.BytesIO(service.export_workbook(connection, YEAR, STAFF).content))
    assert [cell.value for cell in plain["Élèves"][1]] == [
        "Numéro",
        "Code établissement",
        "Niveau",
        "Classe",
        "Régime",
        "Besoins",
    ]
    assert store.list_accesses(connection, None, 10) == []
    key = store.list_people(connection, YEAR)[0]["key"]
    assert service.show_pupil(connection, YEAR, key, STAFF)["last_name"] == "Lézard"
    service.export_text(connection, YEAR, "pupils", STAFF, people=True)
    log = store.list_accesses(connection, None, 10)
    assert [(one.by, one.what, one.pupil, one.rows) for one in log] == [
        ("claire", "exported pupils", None, 2),
        ("claire", "looked up", key, 1),
    ]


def test_a_list_without_names_comes_in_again_and_keeps_them(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    content = (
        service.export_text(connection, YEAR, "pupils", STAFF)
        .content.decode("utf-8-sig")
        .replace("demi-pensionnaire", "interne")
    )
    assert take(connection, content).counts["pupils"] == {"added": 0, "changed": 2, "removed": 0}
    assert [(one["number"], one["last_name"], one["boarding"]) for one in store.list_people(connection, YEAR)] == [
        ("1001", "Lézard", "boarder"),
        ("1002", "Héron", "boarder"),
    ]


def test_a_pupil_is_erased_with_all_that_is_about_them(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    take(connection, "élève;date;objet\n1001;01/09/2026;inscription\n")
    key = store.list_people(connection, YEAR)[0]["key"]
    service.erase_pupil(connection, YEAR, key, STAFF)
    counts = store.count_rows(connection, YEAR)
    assert (counts["pupils"], counts["requests"]) == (1, 0)
    with pytest.raises(NotFound, match="no pupil"):
        service.show_pupil(connection, YEAR, key, STAFF)


def with_door(connection: psycopg.Connection[Any]) -> str:
    """A pupil who is fetched at the door, as publishing a plan writes it; the pupil's key."""
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    key = store.list_people(connection, YEAR)[0]["key"]
    take(connection, f"arrêt;nom;lat;lon;ouvert\ndoor-{key}-1;Domicile;47,481;4,301;non\n")
    take(connection, "circuit;nom\nC;C\n")
    take(connection, "course;circuit;sens;jours\nM;C;matin;lun\n")
    take(connection, f"course;rang;heure;arrêt\nM;1;7h00;door-{key}-1\n")
    take(connection, f"élève;course;arrêt\n1001;M;door-{key}-1\n")
    return key


def test_the_door_of_a_pupil_is_in_no_list_and_goes_with_the_pupil(connection: psycopg.Connection[Any]) -> None:
    key = with_door(connection)
    assert b"47,481" not in service.export_text(connection, YEAR, "stops", STAFF).content
    assert b"47,481" in service.export_text(connection, YEAR, "stops", STAFF, people=True).content
    assert store.list_rows(connection, YEAR, SHEETS["stops"], doors=False) == []
    service.erase_pupil(connection, YEAR, key, STAFF)
    assert [store.count_rows(connection, YEAR)[one] for one in ("stops", "calls", "seats")] == [0, 0, 0]
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_doors_are_forgotten_with_the_pupils(connection: psycopg.Connection[Any]) -> None:
    with_door(connection)
    service.forget(connection, datetime(2027, 12, 1, tzinfo=UTC))
    assert [store.count_rows(connection, YEAR)[one] for one in ("stops", "calls", "seats", "runs")] == [0, 0, 0, 1]
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_pupils_are_forgotten_three_months_after_their_year(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    assert service.forget(connection, datetime(2027, 10, 7, tzinfo=UTC))["pupils"] == 0
    assert service.forget(connection, datetime(2027, 10, 8, tzinfo=UTC))["pupils"] == 2
    assert store.count_rows(connection, YEAR)["schools"] == 2
    assert service.find_end(service.get_year(connection, YEAR)) == date(2027, 10, 8)


def test_what_is_missing_is_named_with_what_to_change(connection: psycopg.Connection[Any]) -> None:
    take(
        connection,
        workbook(
            Etablissements=[
                ["UAI", "Nom", "Niveau", "lat", "lon"],
                ["E1", "Sans horaire", "collège", 47.5, 4.3],
                ["E2", "Sans lieu", "lycée", None, None],
                ["E3", "Exchangé", "collège", 4.3, 47.5],
            ],
            Horaires=[
                ["UAI", "Trajet", "Jours", "Heure", "Au plus tôt"],
                ["E2", "matin", "lun", "8h00", "8h10"],
                ["E2", "soir", "lun", "17h00", None],
                ["E3", "matin", "lun", "8h00", None],
                ["E3", "soir", "lun", "17h00", None],
            ],
            Arrêts=[["code", "nom", "lat", "lon"], ["A1", "Mairie", 47.4, 4.2], ["A2", "Gare", 47.4, 4.2]],
            Transporteurs=[["code", "nom"], ["T", "Cars"]],
            Véhicules=[["code", "transporteur", "type", "places"], ["V", "T", "minibus", 1]],
            Circuits=[["code", "nom", "véhicule"], ["C", "Circuit", "V"]],
            Courses=[["course", "circuit", "sens", "jours"], ["M", "C", "matin", "lun"], ["S", "C", "soir", "lun"]],
            Passages=[
                ["course", "rang", "heure", "arrêt", "UAI"],
                ["M", 1, "7h30", "A1", None],
                ["M", 2, "7h20", None, "E1"],
                ["M", 3, "7h40", None, None],
            ],
            Élèves=[
                ["numéro", "UAI", "niveau", "lat", "lon", "adresse domicile 2", "jours domicile 2"],
                ["1", "E1", "collège", None, None, None, None],
                ["2", "E1", "collège", 47.4, 4.2, "ailleurs", "lun"],
            ],
            Affectations=[["élève", "course", "arrêt"], ["1", "M", "A1"], ["2", "M", "A2"]],
        ),
    )
    gaps = find_gaps(connection, YEAR)
    keys = store.list_numbers(connection, YEAR)
    assert {(gap.list, gap.row, gap.code) for gap in gaps} == {
        ("schools", "E1", "school_without_bell"),
        ("schools", "E2", "school_without_place"),
        ("schools", "E3", "place_far_away"),
        ("bells", "E2", "bell_outside_window"),
        ("pupils", keys["1"], "pupil_without_home"),
        ("pupils", keys["2"], "home_without_place"),
        ("pupils", keys["2"], "homes_overlap"),
        ("vehicles", "V", "vehicle_without_cost"),
        ("calls", "M", "call_nowhere"),
        ("calls", "M", "times_run_back"),
        ("runs", "S", "run_without_school"),
        ("runs", "M", "run_overfull"),
        ("seats", keys["2"], "seat_off_run"),
    }
    assert next(gap.what for gap in gaps if gap.code == "school_without_bell") == (
        "Sans horaire (E1) has no bell time for the morning, so its 2 pupils cannot be planned; add a row to Horaires"
    )


def test_every_home_is_judged_by_the_rules_of_the_day(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS.replace("Adresse;", "Code INSEE;").replace("3 rue du Secret", "21603"))
    take(connection, "règle;début;distance;secteur\nR1;01/09/2026;1000;oui\nR2;01/01/2027;9000;oui\n")
    take(connection, "UAI;INSEE\n0210047M;21603\n")
    keys = store.list_numbers(connection, YEAR)
    told = {one.pupil: one.standing for one in service.judge_pupils(connection, YEAR, Drives(None))}
    assert (told[keys["1001"]].code, told[keys["1001"]].rule) == ("entitled", "R1")
    assert told[keys["1001"]].metres == pytest.approx(1.3 * 2_723, rel=0.01)  # straight: no streets are loaded
    assert (told[keys["1002"]].entitled, told[keys["1002"]].code) == (None, "no_place")
    (later,) = service.judge_pupils(connection, YEAR, Drives(None), day=date(2027, 1, 1), pupil=keys["1001"])
    assert (later.standing.code, later.standing.rule) == ("too_near", "R2")
    assert service.judge_pupils(connection, YEAR, Drives(None), school="0210034Y") == []


def test_a_list_of_the_ministry_comes_in_as_it_is(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    text = (
        "Export SIECLE du 12/09/2026;;;;;;;\n;;;;;;;\n"
        "INE;NOM DE FAMILLE;PRÉNOM 1;NÉ(E) LE;SEXE;UAI;DIVISION;CODE RÉGIME\n"
        "120000123AB;LÉZARD;Zoé;01/09/2014;F;0210047M;6E B;DP DAN\n"
    )
    report = take(connection, text.encode("cp1252"))
    assert report.notes == ["sheet liste: not used: SEXE"]
    (zoe,) = store.list_people(connection, YEAR)
    assert (zoe["level"], zoe["grade"], zoe["boarding"], zoe["last_name"]) == (
        "college",
        "6E B",
        "half_board",
        "LÉZARD",
    )


def test_titles_that_are_mistyped_are_read_and_told(connection: psycopg.Connection[Any]) -> None:
    rows: list[list[object]] = [
        ["Liste des établissements 2026"],
        [],
        ["Code etablissment", "Nom de l'établissement ", "NIVAU", "Lattitude", "longitud", "Altitude"],
        ["0210034Y", "Collège Pasteur", "Collège", 47.6347, "4,3421", 212],
    ]
    report = take(connection, workbook(Établissements=rows, Feuil2=[]), "etab.xlsx")
    assert report.counts["schools"]["added"] == 1
    assert [note for note in report.notes if "was read as" in note] == [
        "sheet Établissements: title 'Code etablissment' was read as Code établissement",
        "sheet Établissements: title 'NIVAU' was read as Niveau",
        "sheet Établissements: title 'Lattitude' was read as Latitude",
        "sheet Établissements: title 'longitud' was read as Longitude",
    ]
    assert "sheet Établissements: not used: Altitude" in report.notes
    (school,) = store.list_rows(connection, YEAR, SHEETS["schools"])
    assert (school["lat"], school["lon"], school["level"]) == (47.6347, 4.3421, "college")
    text = "Numéro;UAI;Adresse 2;Prenon\nP1;0210034Y;là-bas;Léa\n"
    assert take(connection, text).notes == [
        "sheet liste: title 'Prenon' was read as Prénom",
        "sheet liste: not used: Adresse 2",  # other digits: another column
    ]


def test_a_column_that_is_not_there_is_named_with_the_row_of_titles(connection: psycopg.Connection[Any]) -> None:
    rows: list[list[object]] = [["Arrêts du secteur"], [], ["Code arrêt", "Nom", "Altitude"], ["A1", "Mairie", 212]]
    assert refuse(connection, workbook(Arrêts=rows), "a.xlsx") == [
        "3 Latitude, Longitude: has no column Latitude, Longitude; add it, or correct its title"
    ]


def test_cells_as_people_write_them(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(
        connection,
        'arrêt;nom;lat;lon\nA1;Mairie;"47°29\'26""N";4° 20′ 5,1″ O\nA2;Lavoir;"47°29\'26""";4,33\n',  # noqa: RUF001
    )
    places = [(row["lat"], row["lon"]) for row in store.list_rows(connection, YEAR, SHEETS["stops"])]
    assert places[0] == pytest.approx((47.490556, -4.33475), abs=1e-6)
    assert places[1] == pytest.approx((47.490556, 4.33), abs=1e-6)
    take(connection, "UAI;Trajet;Jours;Heure\n0210034Y;matin;lu ma je ve;8h\n0210034Y;soir;Mo Tu We;17h\n", "h.csv")
    days = sorted(row["weekdays"] for row in store.list_rows(connection, YEAR, SHEETS["bells"]))
    assert days == [(1, 2, 3), (1, 2, 4, 5)]
    take(connection, "Numéro;UAI;Né le\nP1;0210034Y;42370\nP2;0210034Y;42370,0\n")
    born = [one["born"] for one in store.list_people(connection, YEAR)]
    assert born == [date(2016, 1, 1)] * 2
    assert refuse(connection, "arrêt;nom;lat;lon\nA3;Pont;801234;6712345\n")[0].endswith(
        "'801234' is no latitude in degrees (WGS 84); write one like 47,4906"
    )


def test_what_is_as_it_was_is_not_counted_as_changed(connection: psycopg.Connection[Any]) -> None:
    take(connection, SCHOOLS)
    take(connection, PUPILS)
    assert take(connection, PUPILS).counts == {"pupils": {"added": 0, "changed": 0, "removed": 0}}
    more = (
        PUPILS.replace("612345678", "612345679").replace("1002;Héron", "1003;Héron")
        + "1002;Héron;Noé;;0210047M;4e;;;;;"
    )
    assert take(connection, more).counts == {"pupils": {"added": 1, "changed": 2, "removed": 0}}
    assert take(connection, SCHOOLS).counts["schools"]["changed"] == 0
