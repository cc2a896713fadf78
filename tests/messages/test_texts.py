"""What messages say: in both languages, without gaps, and nothing a value could smuggle in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mobigo.kit.errors import InvalidInput
from mobigo.messages.addresses import read_email, read_phone, say_phone, takes_sms
from mobigo.messages.model import Channel
from mobigo.messages.templates import CHANNELS, read_texts, render

PICKUP = datetime(2026, 12, 1, 6, 40, tzinfo=UTC)  # 07:40 in Paris
RIDE: dict[str, object] = {
    "service": "TAD Auxois",
    "pickup": PICKUP,
    "latest": datetime(2026, 12, 1, 6, 50, tzinfo=UTC),
    "origin": "Mairie de Marigny",
    "destination": "Gare de Montbard",
    "arrive_by": datetime(2026, 12, 1, 7, 30, tzinfo=UTC),
}
LEG = {"departure": PICKUP, "arrival": PICKUP, "line": "Car 126", "origin": "Semur", "destination": "Montbard"}
VALUES: dict[str, object] = {
    **RIDE,
    "reference": "K7P2QX",
    "name": "Léa Martin",
    "rides": [RIDE, RIDE],
    "legs": [LEG],
    "cents": 350,
    "penalty": 500,
    "refund": 350,
    "cancel_until": PICKUP,
    "until": PICKUP,
    "phone": "+33380112233",
    "traveller_phone": "06 12 34 56 78",
    "link": "https://mobigo.example/bookings/x",
    "reason": "Panne",
    "line": "TER 17752",
    "alternative": "Car 126 à 08:05",
    "booked": [{"day": date(2026, 12, 1)}],
    "missing": [{"day": date(2026, 12, 8), "reason": "complet"}],
    "persons": 2,
    "wheelchairs": 1,
    "text": "Route barrée",
    "alias": "Zoé",
    "operator": "Covoit",
    "pupil": "Lou",
    "year": "2026-2027",
    "product": "Mois",
    "start": PICKUP,
    "by_hand": "Payez dans votre compte.",
    "again": PICKUP,
    "ended": "Votre abonnement est arrêté.",
    "granted": "jeune",
    "refused": "senior",
    "why": "La photo est illisible.",
    "title": "Horaires",
    "at": PICKUP,
    "last": date(2026, 12, 31),
    "problems": [{"validator": "gtfs-guru", "code": "empty_file", "count": 1, "sample": "stops.txt"}],
    "halts": [{"trip": "Matin", "days": "lun. mar.", "clock": "07:32", "stop": "Mairie"}],
}
ALL = [(template, channel) for template, channels in CHANNELS.items() for channel in channels]


def test_both_languages_have_the_same_templates_channels_and_values() -> None:
    french, english = read_texts("fr"), read_texts("en")
    assert list(french) == list(english)
    for key in CHANNELS:
        assert list(french[key]) == list(english[key])
        assert set(french[key]) == {*CHANNELS[key], *(["subject"] if Channel.EMAIL in CHANNELS[key] else [])}
        assert names(french[key]) == names(english[key]), key


def names(text: Any) -> set[str]:  # noqa: ANN401  a piece of JSON
    if isinstance(text, str):
        return set(re.findall(r"{(\w+)", text))
    return {name for part in (text.values() if isinstance(text, dict) else text) for name in names(part)}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(("template", "channel"), ALL)
def test_every_text_is_written_with_all_values_and_with_hardly_any(
    template: str, channel: Channel, language: str
) -> None:
    full = render(template, channel, language, "Europe/Paris", VALUES)
    assert "{" not in full.body
    assert "None" not in full.body
    assert (full.subject is not None) == (channel is Channel.EMAIL)
    needed = {"reference", "pickup", "latest", "origin", "destination", "until", "text", "line", "persons"} | {
        "alias",
        "operator",
        "pupil",
        "year",
        "product",
        "start",
        "cents",
        "again",
        "granted",
        "title",
    }
    few = render(template, channel, language, "Europe/Paris", {key: VALUES[key] for key in VALUES if key in needed})
    assert "None" not in few.body
    if channel is Channel.SMS:
        assert len(full.body) <= 320
        assert "\n" not in full.body


def test_a_confirmation_reads_like_one() -> None:
    text = render("booking_confirmed", Channel.EMAIL, "fr", "Europe/Paris", {**VALUES, "rides": [RIDE], "link": None})
    assert text.subject == "Réservation K7P2QX confirmée"
    assert (
        text.body
        == """Bonjour Léa Martin,

Votre réservation K7P2QX est confirmée.

TAD Auxois
  mardi 1er décembre, soyez prêt à 07:40 : Mairie de Marigny
  le véhicule passe au plus tard à 07:50
  arrivée au plus tard à 08:30 : Gare de Montbard

Prix : 3,50 €, à régler à bord.
Annulation ou modification sans frais jusqu'au mardi 1er décembre à 07:40.
Par téléphone : 03 80 11 22 33

Bon voyage !"""
    )


def test_hours_are_those_of_the_place_on_both_sides_of_a_clock_change() -> None:
    values = {**VALUES, "rides": [], "pickup": datetime(2026, 10, 25, 0, 30, tzinfo=UTC)}
    before = render("reminder", Channel.SMS, "en", "Europe/Paris", values).body
    after = render(
        "reminder", Channel.SMS, "en", "Europe/Paris", {**values, "pickup": datetime(2026, 10, 25, 1, 30, tzinfo=UTC)}
    ).body
    assert "Sunday 25 October between 02:30" in before
    assert "Sunday 25 October between 02:30" in after


def test_a_value_brings_no_line_of_its_own_and_no_word_of_ours() -> None:
    nasty = "x\r\nBcc: all@example.org\u202e {reference} " + "y" * 1000
    text = render("reminder", Channel.EMAIL, "fr", "Europe/Paris", {**VALUES, "name": nasty, "reference": nasty})
    assert "\n" not in (text.subject or "")
    assert "\u202e" not in text.body
    assert "Bcc: all@example.org" in text.body.splitlines()[0]  # in the greeting, where it does no harm
    assert "{reference}" in text.body
    assert len(text.body.splitlines()[0]) < 350


def test_nothing_to_say_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="says nothing"):
        render("sheet_note", Channel.SHEET, "fr", "Europe/Paris", {})
    with pytest.raises(InvalidInput, match="no message 'poem'"):
        render("poem", Channel.SMS, "fr", "Europe/Paris", {})


@pytest.mark.parametrize(
    ("written", "number", "sms"),
    [
        ("06 12 34 56 78", "+33612345678", True),
        ("07.12.34.56.78", "+33712345678", True),
        ("03-80-11-22-33", "+33380112233", False),
        ("+33 (0)6 12 34 56 78", "+33612345678", True),
        ("0033 6 12 34 56 78", "+33612345678", True),
        ("+41 22 345 67 89", "+41223456789", True),
        ("+596 696 12 34 56", "+596696123456", True),
        ("+596 596 12 34 56", "+596596123456", False),
    ],
)
def test_numbers_are_read_as_people_write_them(written: str, number: str, sms: bool) -> None:  # noqa: FBT001
    assert read_phone(written) == number
    assert takes_sms(number) is sms


def test_numbers_are_said_in_pairs() -> None:
    assert say_phone("+33380112233") == "03 80 11 22 33"
    assert say_phone("+41223456789") == "+41223456789"


@pytest.mark.parametrize(
    "wrong", ["", "12", "06 12 34 56", "06 12 34 56 78 90", "abc", "+0612345678", "06 12 34 56 7x"]
)
def test_what_is_no_number_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_phone(wrong)
    assert not wrong or wrong not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    ["", "lea", "lea@", "@example.org", "lea@example", "lea@exa mple.org", "lea@example.org\nBcc: x@y.z", "l..a@x.org",
     "lea@-x.org", "lea@127.0.0.1", "x" * 65 + "@example.org", "lea@" + "x" * 250 + ".org", "<lea@x.org>"],
)  # fmt: skip
def test_what_is_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        read_email(wrong)


def test_addresses_keep_their_name_and_get_a_plain_domain() -> None:
    assert read_email(" Lea.Martin+tad@Exämple.org ") == "Lea.Martin+tad@xn--exmple-cua.org"
