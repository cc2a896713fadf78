"""What pages say, and in which language."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import mobigo
from mobigo.journeys.model import Label, Mode, Reason
from mobigo.places.model import Kind
from mobigo.web.docs import CODES
from mobigo.web.words import LANGUAGES, choose, read_words

SOURCE = Path(mobigo.__file__).parent
FR, EN = read_words("fr"), read_words("en")


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    assert list(FR.catalogue) == list(EN.catalogue)
    for key, said in FR.catalogue.items():
        assert set(re.findall(r"{\w+}", said)) == set(re.findall(r"{\w+}", EN.catalogue[key])), key


def test_no_sentence_is_left_in_the_other_language() -> None:
    same = {key for key, said in FR.catalogue.items() if said == EN.catalogue[key]}
    assert same <= {
        "date",
        "options",
        "suggestions",
        "suggestions.one",
        "suggestions.many",
        "errors_code",
        "docs_title",
        "direct",
        "ride.rail",
        "fares.version",
        *(key for key in same if re.fullmatch(r"(?:stay|longest_walk)\.(?:any|\d+)", key)),
        *(f"mode.{mode}" for mode in ("tram", "taxi", "bus", "rail", "other")),
        *(f"opendata.{word}" for word in ("made", "severity.info", "format", "table", "licence")),
    }


def test_every_word_of_the_planner_is_in_the_catalogue() -> None:
    keys = {f"mode.{one}" for one in Mode} | {f"reason.{one}" for one in Reason} | {f"label.{one}" for one in Label}
    keys |= {f"kind.{one}" for one in Kind} | {f"error.{one}" for one in CODES}
    assert keys <= set(FR.catalogue)


def test_every_key_a_template_or_script_names_is_in_the_catalogue_and_every_entry_is_used() -> None:
    text = "".join(
        file.read_text()
        for folder, pattern in (("templates", "*.html"), ("static", "*.js"), (".", "*.py"))
        for file in (SOURCE / "web" / folder).glob(pattern)
    )
    named = set(re.findall(r"""(?:words|speak|(?:words|speak)\.count)\(['"]([\w.]+)['"]""", text))
    assert {key for key in named if not key.endswith((".", "_")) and f"{key}.one" not in FR.catalogue} <= set(
        FR.catalogue
    )
    said_by_scripts = set(re.findall(r"words\.((?:map|locate|suggestions)\w*)", text))
    assert said_by_scripts <= set(FR.catalogue)
    built = ("kind.", "mode.", "label.", "reason.", "step.", "error.", "choose_", "map_")
    built += ("window.", "changes.", "access.", "rather.", "longest_walk.", "pace.", "stay.", "ride.")
    built += (
        "when.",
        "departure.",
        "see.",
        "remedy.",
        "go.",
        "no_ride.",
        "calls.",
        "wheelchair_is.",
        "bikes_are.",
        "state.",
        "sheet.with.",
        "series_reason.",
        "fares.unit.",
    )
    unused = {key for key in FR.catalogue if not key.startswith(built) and key.rsplit(".", 1)[0] not in text}
    assert unused == set()


def test_every_error_code_of_the_api_is_explained() -> None:
    rooms = [*(SOURCE / room for room in ("accounts", "journeys", "kit", "ledger", "messages", "places", "web"))]
    files = [file for room in rooms for file in room.rglob("*.py")] + [*(SOURCE / "transit").glob("*api.py")]
    used = {code for file in files for code in re.findall(r'code ?= ?"(\w+)"', file.read_text())}
    assert used - {"error", "missing_package"} <= set(CODES)  # neither ever leaves by HTTP


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        ({}, "", "fr"),
        ({}, "en-GB,en;q=0.9", "en"),
        ({}, "de,en;q=0.7,fr;q=0.8", "fr"),
        ({}, "de-DE", "fr"),
        ({}, "en;q=nonsense", "fr"),
        ({"lang": "en"}, "fr", "en"),
        ({"lang": "xx"}, "en", "en"),
    ],
)
def test_the_address_then_the_browser_choose_the_language(query: dict[str, str], header: str, language: str) -> None:
    request = SimpleNamespace(query_params=query, headers={"accept-language": header})
    assert choose(request).language == language


def test_numbers_and_days_are_written_as_people_write_them() -> None:
    assert FR.lasting(timedelta(minutes=8)) == "8\u00a0min"
    assert FR.lasting(timedelta(minutes=74)) == "1\u00a0h\u00a014"
    assert FR.lasting(timedelta(hours=2)) == "2\u00a0h"
    assert FR.metres(4) == "10\u00a0m"
    assert FR.metres(437) == "440\u00a0m"
    assert FR.metres(1_250) == "1,2\u00a0km"
    assert EN.metres(1_250) == "1.2\u00a0km"
    assert FR.day(date(2026, 8, 1)) == "samedi 1er août 2026"
    assert EN.day(date(2026, 11, 22)) == "Sunday 22 November 2026"


@pytest.mark.parametrize(
    ("n", "french", "english"),
    [(0, "0 trajet", "0 journeys"), (1, "1 trajet", "1 journey"), (2, "2 trajets", "2 journeys")],
)
def test_each_language_counts_in_its_own_way(n: int, french: str, english: str) -> None:
    assert (FR.count("journeys", n), EN.count("journeys", n)) == (french, english)


def test_catalogues_are_tidy_json() -> None:
    for language in LANGUAGES:
        text = (SOURCE / "web/languages" / f"{language}.json").read_text()
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=1) + "\n"


def test_numbers_in_groups_of_three() -> None:
    said = [(read_words("fr").number(n), read_words("en").number(n)) for n in (0, 999, 1000, 1_234_567)]
    assert said == [("0", "0"), ("999", "999"), ("1\u202f000", "1,000"), ("1\u202f234\u202f567", "1,234,567")]
