"""Why a price is what it is, in sentences for those who pay it, in French and English."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mobigo.fares.model import Item, Reason
    from mobigo.fares.pricebook import PriceBook

HOUR, MINUTE = 3600, 60
KILOMETRE = 1000
PERCENT = 10

SENTENCES: Mapping[str, tuple[str, str]] = {
    "leg_rule": ("{product}", "{product}"),
    "covers": ("{product}", "{product}"),
    "through_fare": ("{product}, correspondances comprises", "{product}, changes included"),
    "through_fare.seconds": (
        "{product}, correspondances comprises pendant {span}",
        "{product}, changes included within {span}",
    ),
    "transfer": ("la correspondance est comprise", "the change is included"),
    "transfer.seconds": (
        "la correspondance est comprise dans la limite de {span}",
        "the change is included within {span}",
    ),
    "joined": ("{rides} trajets comptent comme un seul", "{rides} rides count as one"),
    "band": ("au kilomètre : {kilometres} km", "by distance: {kilometres} km"),
    "reduction": ("{reduction} : {percent} % de moins que {before}", "{reduction}: {percent}% off {before}"),
    "held": ("vous avez déjà : {product}", "you already have: {product}"),
    "ticket_cheaper": ("{product} couvre ces trajets", "{product} covers these rides"),
    "ticket_cheaper.instead": (
        "{product} coûte moins que les trajets un par un ({instead})",
        "{product} costs less than the rides one by one ({instead})",
    ),
    "group": ("{product} : un titre pour {fellows} voyageurs", "{product}: one ticket for {fellows} travellers"),
    "carnet": ("{product} : {rides} trajets utilisés", "{product}: {rides} rides used"),
    "card_pays_off": ("{product} : elle est amortie dès ce voyage", "{product}: it pays off on this very journey"),
    "quoted": ("prix annoncé par le service", "the price the service itself says"),
}
"""By reason, and by reason and what it says more of: French, English."""


def say_money(cents: int, currency: str, language: str) -> str:
    """Write an amount: ``1,50 €``, ``€1.50``."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    if language == "fr":
        unit = "€" if currency == "EUR" else currency
        return f"{sign}{whole},{rest:02} {unit}"
    return f"{sign}€{whole}.{rest:02}" if currency == "EUR" else f"{sign}{whole}.{rest:02} {currency}"


def say_span(seconds: int, language: str) -> str:
    """Write a duration: ``1 h 30``, ``45 min``."""
    hours, minutes = divmod(seconds // MINUTE, 60)
    if not hours:
        return f"{minutes} min"
    if language == "fr":
        return f"{hours} h {minutes:02}" if minutes else f"{hours} h"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def name_of(book: PriceBook, product: str, language: str) -> str:
    """Return what a product is called."""
    found = book.products.get(product)
    if found is not None:
        return found.name.of(language)
    known = {
        "on_demand": ("Transport à la demande", "On demand"),
        "carpool": ("Covoiturage", "Carpool"),
    }
    fr, en = known.get(product, (product, product))
    return en if language == "en" else fr


def say(book: PriceBook, item: Item, reason: Reason, language: str) -> str:
    """Put one reason into a sentence."""
    about = reason.about
    key = next((f"{reason.code}.{name}" for name in about if f"{reason.code}.{name}" in SENTENCES), reason.code)
    fr, en = SENTENCES.get(key, (reason.code, reason.code))
    currency = book.catalogue.currency
    values = {
        name: say_money(int(value), currency, language) if name in {"before", "instead"} else str(value)
        for name, value in about.items()
    }
    values["product"] = name_of(book, item.product, language)
    if "seconds" in about:
        values["span"] = say_span(int(about["seconds"]), language)
    if "metres" in about:
        kilometres = f"{int(about['metres']) / KILOMETRE:.1f}"
        values["kilometres"] = kilometres.replace(".", ",") if language == "fr" else kilometres
    if "permille" in about:
        percent = int(about["permille"]) / PERCENT
        values["percent"] = f"{percent:g}".replace(".", ",") if language == "fr" else f"{percent:g}"
    if "reduction" in about:
        values["reduction"] = book.reduction_name(str(about["reduction"]), language)
    sentence = (en if language == "en" else fr).format_map(values)
    return sentence[:1].upper() + sentence[1:] + "."
