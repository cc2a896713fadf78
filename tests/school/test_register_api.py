"""The register over HTTP: who gets in, what comes out, and that nobody's name leaves by another door."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from openpyxl import load_workbook
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from tests.conftest import new_database, serve

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.school import register_api
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

YEAR = "/v1/school/years/2026-2027"
LISTS = {
    "schools.csv": "UAI;Nom;Niveau;lat;lon\nE1;Collège;collège;47.5;4.33\n",
    "bells.csv": "UAI;Trajet;Jours;Heure\nE1;matin;lun mar jeu ven;8h00\nE1;soir;lun mar jeu ven;17h00\n",
    "stops.csv": "arrêt;nom;lat;lon\n" + "".join(f"A{n};Mairie {n};47.4;4.3\n" for n in range(1, 8)),
    "operators.csv": "transporteur;nom\nT1;Cars\n",
    "vehicles.csv": "véhicule;transporteur;type;places\nV1;T1;autocar;57\n",
    "circuits.csv": "circuit;nom;véhicule\nC1;Vitteaux;V1\n",
    "runs.csv": "course;circuit;sens;jours\nC1-M;C1;matin;lun mar jeu ven\n",
    "calls.csv": "course;rang;heure;arrêt;UAI\nC1-M;1;7h30;A1;\nC1-M;2;7h50;;E1\n",
    "rules.csv": "règle;début;distance;secteur\nR1;01/09/2026;3000;oui\n",
    "pupils.csv": (
        "Numéro;Nom;Prénom;Né(e) le;UAI;Niveau;Adresse;Commune;Latitude;Longitude;Responsable;Téléphone;Courriel;"
        "Adresse domicile 2;Jours domicile 2\n"
        "990011;ZZQNOM;ZZQPRENOM;01/09/2014;E1;6e;7 rue ZZQADRESSE;ZZQVILLE;47.41234;4.31234;ZZQMERE;0611223344;"
        "zzq@exemple.fr;9 rue ZZQPERE;jeu ven\n"
        "990012;Autre;Ami;;E1;6e;;;;;;;;;\n"
    ),
    "requests.csv": "élève;date;objet;statut\n990011;03/09/2026;changement;en attente\n",
    "seats.csv": "élève;course;arrêt\n990011;C1-M;A1\n",
}  # fmt: skip
SECRETS = ("ZZQ", "zzq", "990011", "47.41234", "4.31234", "611223344", "2014-09-01")
"""Parts of everything personal about one pupil."""

UNFIT = [positive_data_acceptance, negative_data_rejection]
"""Years and cursors that do not exist are well described; what nobody asked for is ignored."""

app = FastAPI(generate_unique_id_function=lambda route: route.name)
app.include_router(register_api.router)
schema = schemathesis.openapi.from_dict(app.openapi()).include(method="GET")


class Served:
    def __init__(self, address: str, key: bytes, url: str, app: FastAPI) -> None:
        self.address, self.url, self.app = address, url, app
        self._key = key

    def headers(self, role: str | None) -> dict[str, str]:
        if role is None:
            return {}
        return {"Authorization": f"Bearer {issue(self._key, role, Role(role), datetime.now(UTC), timedelta(hours=1))}"}

    def client(self, role: str | None) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers=self.headers(role), timeout=120)


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("register")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        whole = create_app(engine=engine, clock=Clock(), home=folder)
        with serve(whole) as address:
            one = Served(address, read_key(folder), url, whole)
            with one.client("school") as http:
                for name, text in LISTS.items():
                    answer = http.post(f"{YEAR}/import", files={"file": (name, text.encode("cp1252"))})
                    assert answer.status_code == 200, answer.text
            yield one
        engine.dispose()


def test_lists_are_read_by_page(served: Served) -> None:
    with served.client("school") as http:
        first = http.get(f"{YEAR}/stops", params={"limit": 4})
        second = http.get(f"{YEAR}/stops", params={"limit": 4, "cursor": first.json()["next_cursor"]}).json()
        assert [row["id"] for row in first.json()["rows"] + second["rows"]] == [f"A{n}" for n in range(1, 8)]
        assert second["next_cursor"] is None
        assert 'rel="next"' in first.headers["link"]
        bells = http.get(f"{YEAR}/bells", params={"limit": 1}).json()
        assert bells["rows"][0]["at"] == "17:00"
        assert bells["rows"][0]["weekdays"] == ["monday", "tuesday", "thursday", "friday"]
        rest = http.get(f"{YEAR}/bells", params={"cursor": bells["next_cursor"]}).json()
        assert [row["at"] for row in rest["rows"]] == ["08:00"]
        for name in ("rules", "requests", "calls", "seats", "sectors"):
            one = http.get(f"{YEAR}/{name}", params={"limit": 1}).json()
            if one["next_cursor"]:
                http.get(f"{YEAR}/{name}", params={"cursor": one["next_cursor"]}).raise_for_status()
        counts = http.get(YEAR).json()["rows"]
        assert (counts["stops"], counts["pupils"]) == (7, 2)


def test_faults_say_where_and_what_to_do(served: Served) -> None:
    with served.client("school") as http:
        answer = http.post(f"{YEAR}/import", files={"file": ("a.csv", b"arr\xeat;nom;lat;lon\nB1;Nord;ici;4\n")})
        assert (answer.status_code, answer.json()["code"]) == (422, "list_faults")
        assert answer.json()["faults"] == [
            {
                "sheet": "a",
                "row": 2,
                "column": "lat",
                "what": "'ici' is no latitude in degrees (WGS 84); write one like 47,4906",
                "what_fr": "'ici' n\u2019est pas une latitude en degrés (WGS 84) ; écrivez-la comme 47,4906",
            }
        ]
        assert http.post(f"{YEAR}/import", files={"file": ("a.csv", b"")}).json()["code"] == "broken_list"
        assert http.post("/v1/school/years/2026-2029/import", files={"file": ("a.csv", b"")}).status_code in {400, 422}
        assert http.get("/v1/school/years/2031-2032/stops").json()["code"] == "unknown_year"
        assert http.put("/v1/school/years/2031-2033", json={}).json()["code"] == "invalid_school_year"


def test_a_pupil_is_shown_to_staff_alone_and_that_is_logged(served: Served) -> None:
    with served.client("school") as http:
        key = next(row["pupil"] for row in http.get(f"{YEAR}/seats").json()["rows"])
        found = http.get(f"{YEAR}/pupils/{key}").json()
        assert (found["last_name"], found["homes"][0]["city"], len(found["homes"])) == ("ZZQNOM", "ZZQVILLE", 2)
        assert found["homes"][1]["weekdays"] == ["thursday", "friday"]
        assert (len(found["requests"]), len(found["seats"])) == (1, 1)
        log = http.get("/v1/school/accesses").json()["accesses"]
        assert (log[0]["by"], log[0]["what"], log[0]["pupil"]) == ("school", "looked up", key)
    with served.client("auditor") as http:
        assert http.get(f"{YEAR}/pupils/{key}").status_code == 403
        assert http.get(f"{YEAR}/export.xlsx", params={"people": True}).status_code == 403
        assert http.get("/v1/school/accesses").status_code == 200
    for role in (None, "traveller", "driver", "desk", "dispatcher", "carpool", "finance", "publisher"):
        with served.client(role) as http:
            for path in (f"{YEAR}/pupils/{key}", f"{YEAR}/pupils", f"{YEAR}/export.xlsx", "/v1/school/accesses"):
                assert http.get(path).status_code in {401, 403}, (role, path)


def test_without_streets_nobody_can_be_judged(served: Served) -> None:
    with served.client("school") as http:
        answer = http.get(f"{YEAR}/eligibility")
        assert (answer.status_code, answer.json()["code"]) == (422, "no_streets")


def test_a_pupil_is_erased(served: Served) -> None:
    with served.client("school") as http:
        text = "Numéro;UAI;Niveau\n77;E1;6e\n"
        http.post(f"{YEAR}/import", files={"file": ("pupils.csv", text)}).raise_for_status()
        with psycopg.connect(libpq_conninfo(served.url)) as connection:
            row = connection.execute("SELECT pupil FROM school_person WHERE number = '77'").fetchone()
        assert row is not None
        assert http.delete(f"{YEAR}/pupils/{row[0]}").status_code == 204
        assert http.delete(f"{YEAR}/pupils/{row[0]}").json()["code"] == "unknown_pupil"
        assert http.get("/v1/school/accesses").json()["accesses"][0]["what"] == "erased"


def test_files_carry_names_only_when_asked_for(served: Served) -> None:
    with served.client("school") as http:
        plain = load_workbook(io.BytesIO(http.get(f"{YEAR}/export.xlsx").content))
        assert not any(secret in text for text in _texts(plain) for secret in SECRETS)
        named = load_workbook(io.BytesIO(http.get(f"{YEAR}/export.xlsx", params={"people": True}).content))
        assert "ZZQNOM" in _texts(named)
        text = http.get(f"{YEAR}/export.csv", params={"list": "calls"}).content.decode("utf-8-sig")
        assert text.splitlines()[1] == "C1-M;1;07:30;A1;"


def _texts(book: Any) -> list[str]:  # noqa: ANN401 - openpyxl has no types
    return [str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]


def test_no_name_address_or_home_leaves_by_any_door_but_the_two_that_are_logged(served: Served) -> None:
    """Ask every GET address of the application."""
    paths = [one.path for one in _routes(served.app.router) if "GET" in (getattr(one, "methods", None) or ())]
    with served.client("school") as http:
        key = next(row["pupil"] for row in http.get(f"{YEAR}/seats").json()["rows"])
    named = {f"{YEAR}/pupils/{key}"}
    values = {"year": "2026-2027", "key": key}
    asked = 0
    for role in (None, Role.SCHOOL):
        with served.client(role) as http:
            for path in paths:
                address = path.replace("{year}", values["year"]).replace("{key}", values["key"])
                if (address in named and role in {Role.SCHOOL, Role.ADMIN}) or path in {"/openapi.json", "/docs"}:
                    continue
                if role is not None and not path.startswith("/v1/school"):
                    continue  # to the staff of schools all else is open as to anybody
                address = address.replace("{", "").replace("}", "")
                text = http.get(address, params={"list": "pupils", "q": "ZZQNOM"}).text
                if said := text.count("ZZQNOM"):  # a page may say what was searched for
                    echo = http.get(address, params={"list": "pupils", "q": "nobody"}).text
                    text = text.replace("ZZQNOM", "") if echo.count("nobody") == said else text
                assert not any(secret in text for secret in SECRETS), (role, path)
                asked += 1
    assert asked > 150


def _routes(router: Any) -> list[Any]:  # noqa: ANN401 - routes within routes
    found = []
    for one in router.routes:
        inner = getattr(one, "original_router", None)
        found += [one] if inner is None else _routes(inner)
    return found


@schema.parametrize()
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, served: Served) -> None:
    case.call_and_validate(base_url=served.address, headers=served.headers("school"), excluded_checks=UNFIT)
