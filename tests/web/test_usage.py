"""Pages about use, without a browser: who may see them, what they say, and the files they hand out."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook
from tests.usage.hand_counted import FIRST, LAST, NOW, serve_town

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.usage.answers import Kind
from mobigo.web.signin import COOKIE
from mobigo.web.usage import FILES, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AppClient

HOME = "/staff/usage"
WEEK = {"from": FIRST, "to": LAST}


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with serve_town(test_cluster, tmp_path_factory.mktemp("pages")) as (client, _):
        enter(client, Role.FINANCE)
        yield client


def enter(client: AppClient, role: Role) -> None:
    client.cookies.set(COOKIE, issue(client.app.state.token_key, "claire", role, NOW, timedelta(days=1)))


def test_the_page_says_the_week_in_sentences(town: AppClient) -> None:
    said = town.get(HOME, params=WEEK | {"lang": "fr"})
    assert said.status_code == 200
    assert "267 voyageurs (+33,5 % par jour)" in said.text
    assert "41,2\u00a0% des 85 recherches sont restées sans réponse" in said.text
    assert "82,5\u00a0% des passages étaient à l’heure" in said.text  # noqa: RUF001  as it is printed
    assert "5 jours comptés sur 7" in said.text
    assert "30 recherches par semaine de Seul à Semur après 19 h restent sans réponse" in said.text
    assert "&lt;6" in said.text
    assert f"{HOME}/trip?" in said.text
    said = town.get(HOME, params=WEEK | {"lang": "en"})
    assert "267 passengers (+33.5% a day)" in said.text
    assert said.headers["cache-control"] == "no-store"


def test_filters_say_what_they_filter(town: AppClient) -> None:
    said = town.get(HOME, params=WEEK | {"lang": "en", "line": "town:1", "day_type": "saturday"}).text
    assert '<option value="town:1" selected>1 (town:1)</option>' in said
    assert "Trips of this line" in town.get(HOME, params=WEEK | {"lang": "en", "line": "town:1"}).text
    assert "Nothing was counted in this period" in said
    wrong = town.get(HOME, params={"from": "2026-11-15", "to": "2026-11-09", "lang": "en"})
    assert wrong.status_code == 400
    assert "the period ends on 2026-11-09, before it begins" in wrong.text
    for hostile in ({"from": "yesterday"}, {"line": "x\x00"}, {"line": "<script>"}):
        answer = town.get(HOME, params=hostile)
        assert answer.status_code == 400
        assert "<script>" not in answer.text.split("<main")[1].split("</main>")[0]


def test_a_trip_is_drawn_with_its_seats(town: AppClient) -> None:
    said = town.get(f"{HOME}/trip", params=WEEK | {"trip": "town:t1", "lang": "en"}).text
    assert "07:00 Gare → Lac de Pont" in said
    assert "55 seats" in said
    gone = town.get(f"{HOME}/trip", params=WEEK | {"trip": "town:none", "lang": "en"})
    assert gone.status_code == 404
    assert "nothing was counted of trip town:none" in gone.text


def test_finance_says_what_a_line_costs(town: AppClient) -> None:
    said = town.get(f"{HOME}/rates", params={"lang": "en"}).text
    assert "€2.06" in said
    assert "Cour des comptes" in said
    told = {
        "service": "transit",
        "line": "town:1",
        "starts": "2026-12-01",
        "kilometre": "2,5 €",
        "origin": "contract 7",
    }
    done = town.post(f"{HOME}/rates", data=told)
    assert (done.status_code, done.headers["location"]) == (303, f"{HOME}/rates")
    for wrong in ({"kilometre": "much"}, {"kilometre": ""}, {"starts": "soon"}, {"origin": ""}, {"kilometre": "-1"}):
        assert town.post(f"{HOME}/rates", data=told | wrong).status_code == 400, wrong
    town.cookies.clear()
    enter(town, Role.DISPATCHER)
    assert "Say a rate" not in town.get(f"{HOME}/rates", params={"lang": "en"}).text
    assert town.post(f"{HOME}/rates", data=told).status_code == 403
    town.cookies.clear()
    enter(town, Role.FINANCE)
    assert town.post(f"{HOME}/rates", data=told, headers={"Origin": "https://evil.example"}).status_code == 403


def test_every_answer_is_handed_out_in_every_form(town: AppClient) -> None:
    for name in FILES:
        text = town.get(f"{HOME}/files/{name}.csv", params=WEEK)
        assert text.status_code == 200, name
        assert list(csv.DictReader(io.StringIO(text.text))), name
        assert town.get(f"{HOME}/files/{name}.geojson", params=WEEK).json()["type"] == "FeatureCollection"
        assert load_workbook(io.BytesIO(town.get(f"{HOME}/files/{name}.xlsx", params=WEEK).content)).worksheets
    book = load_workbook(io.BytesIO(town.get(f"{HOME}/files/workbook.xlsx", params=WEEK | {"lang": "en"}).content))
    assert {"Key figures", "What to look at", "Load of lines", "Communes"} <= set(book.sheetnames)
    for name in ("nothing.csv", "lines.pdf", "workbook.csv", "lines.json"):
        assert town.get(f"{HOME}/files/{name}", params=WEEK).status_code == 404, name


def test_the_map_has_a_colour_for_each_commune(town: AppClient) -> None:
    features = town.get(f"{HOME}/map.json", params=WEEK | {"lang": "en"}).json()["features"]
    found = {one["properties"]["name"]: one["properties"] for one in features}
    assert (found["Seul"]["unanswered"], found["Seul"]["shade"]) == ("30.0", 3)
    assert (found["Semur"]["unanswered"], found["Semur"]["shade"]) == ("0.0", 0)


def test_only_staff_who_plan_come_in(town: AppClient) -> None:
    town.cookies.clear()
    out = town.get(HOME)
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in?next=/staff/usage")
    for role, status in ((Role.DESK, 403), (Role.TRAVELLER, 403), (Role.DISPATCHER, 200), (Role.PUBLISHER, 200)):
        town.cookies.clear()
        enter(town, role)
        assert town.get(HOME, params=WEEK).status_code == status, role
    town.cookies.clear()
    enter(town, Role.FINANCE)


@pytest.mark.parametrize(
    ("value", "kind", "french", "english"),
    [
        (None, Kind.COUNT, "\u2013", "\u2013"),
        (0.825, Kind.SHARE, "82,5\u00a0%", "82.5%"),
        (1, Kind.SHARE, "100\u00a0%", "100%"),
        (-1_234, Kind.CENTS, "\u221212,34\u00a0€", "\u2212€12.34"),
        (123_456_789, Kind.CENTS, "1\u202f234\u202f568\u00a0€", "€1,234,568"),
        (12.34, Kind.KILOMETRES, "12,3\u00a0km", "12.3\u00a0km"),
        ("<6", Kind.COUNT, "<6", "<6"),
        (True, Kind.FLAG, "✓", "✓"),
    ],
)
def test_figures_are_written_as_people_write_them(
    value: str | float | None, kind: Kind, french: str, english: str
) -> None:
    assert (write(value, kind, "fr"), write(value, kind, "en")) == (french, english)
