"""The register's nouns: what staff keep of a school year, each a row of a list.

Every field says how its column is called in a list (the first title is written, all are read), how its cells are read,
and whether it is personal. What a pupil is called and where a pupil lives is personal and kept apart; all else, and
whoever plans, knows a pupil by a key drawn by lot.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from datetime import date  # noqa: TC003 - the nouns' hints are read when this runs
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from mobigo.school import cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mobigo.school.cells import Kind


class Column:
    """A column of a list: how it is called, how its cells are read.

    Parameters
    ----------
    kind : Kind
    titles : str
        The first is written; all are read, whatever their accents, case and signs.
    refers : str, optional
        The list whose rows it names.
    personal : bool
        Kept apart, shown to few, forgotten first.
    """

    def __init__(self, kind: Kind, *titles: str, refers: str | None = None, personal: bool = False) -> None:
        self.kind, self.titles, self.refers, self.personal = kind, titles, refers, personal


DOOR = "door-"
"""Before the key of a pupil who is fetched at the door: that stop is nobody else's, and where it is, is personal."""

LEVELS = {
    "primary": ("primaire", "école", "élémentaire", "maternelle", "1er degré", "ecole primaire", "RPI"),
    "college": ("collège", "college", "6e", "5e", "4e", "3e", "6eme", "5eme", "4eme", "3eme", "clg", "SEGPA"),
    "lycee": ("lycée", "lycee", "2nde", "1re", "1ere", "terminale", "tle", "seconde", "premiere", "LP", "LGT", "CAP"),
}
TRIPS = {
    "morning": ("matin", "aller", "am", "entrée"),
    "noon": ("midi", "mercredi midi"),
    "evening": ("soir", "retour", "pm", "sortie"),
}
RIDERS = {
    "all": ("tous", "tout le monde"),
    "day": ("externes et demi-pensionnaires", "demi-pensionnaires", "externes", "dp"),
    "boarders": ("internes", "interne"),
}
BOARDING = {
    "day": ("externe", "ext"),
    "half_board": (
        "demi-pensionnaire",
        "dp",
        "demi pension",
        "demi-pensionnaire dans l'établissement",
        "dp dan",
        "dp 5 jours",
    ),
    "boarder": ("interne", "int", "interne dans l'établissement", "internat"),
}
NEEDS = {
    "wheelchair": ("UFR", "fauteuil", "fauteuil roulant"),
    "escort": ("accompagnateur", "ACC", "AESH"),
    "door": ("domicile", "prise en charge à domicile"),
    "near": ("marche réduite", "arrêt proche"),
}
NO_HEALTH = "no_health"
"""The sentence that says so."""
WEEKS = {
    "all": ("toutes", "tout"),
    "even": ("paires", "paire", "semaines paires"),
    "odd": ("impaires", "impaire", "semaines impaires"),
}
REQUESTS = {
    "new": ("inscription", "nouvelle demande"),
    "change": ("changement", "modification"),
    "stop": ("changement d'arrêt", "arrêt"),
    "cancel": ("désinscription", "annulation", "résiliation"),
}
STATES = {
    "open": ("en attente", "reçue", "a traiter"),
    "granted": ("acceptée", "accordée", "oui"),
    "refused": ("refusée", "non"),
}
MAKES = {
    "coach": ("autocar", "car", "grand car"),
    "midicoach": ("midicar", "midibus"),
    "minibus": ("minibus", "minicar", "9 places"),
    "car": ("voiture", "taxi", "VL"),
}


@dataclass(frozen=True)
class School:
    """A school of the year."""

    id: Annotated[str, Column(cells.ID, "Code établissement", "UAI", "RNE", "code", "id", "numero uai", "code uai")]
    name: Annotated[
        str,
        Column(
            cells.text(),
            "Nom",
            "établissement",
            "nom de l'établissement",
            "nom établissement",
            "appellation officielle",
            "libellé",
            "name",
        ),
    ]
    level: Annotated[str, Column(cells.choice(LEVELS), "Niveau", "degré", "type", "level", "nature", "nature uai libe")]
    lat: Annotated[float | None, Column(cells.LATITUDE, "Latitude", "lat", "Y")] = None
    lon: Annotated[float | None, Column(cells.LONGITUDE, "Longitude", "lon", "long", "lng", "X")] = None
    commune: Annotated[str | None, Column(cells.COMMUNE, "Code INSEE", "insee", "code commune", "commune insee")] = None


@dataclass(frozen=True)
class Bell:
    """When lessons begin or end for some pupils on some days, and within what it may be moved."""

    school: Annotated[
        str, Column(cells.ID, "Code établissement", "UAI", "RNE", "école", "school", "établissement", refers="schools")
    ]
    trip: Annotated[str, Column(cells.choice(TRIPS), "Trajet", "sens", "période", "trip")]
    weekdays: Annotated[tuple[int, ...], Column(cells.WEEKDAYS, "Jours", "jour", "jours de semaine", "weekdays")]
    at: Annotated[int, Column(cells.CLOCK, "Heure", "horaire", "sonnerie", "at", "time")]
    riders: Annotated[str, Column(cells.choice(RIDERS), "Public", "élèves concernés", "riders")] = "all"
    earliest: Annotated[int | None, Column(cells.CLOCK, "Au plus tôt", "heure min", "earliest")] = None
    latest: Annotated[int | None, Column(cells.CLOCK, "Au plus tard", "heure max", "latest")] = None


@dataclass(frozen=True)
class Sector:
    """A commune whose pupils belong to a school."""

    school: Annotated[
        str, Column(cells.ID, "Code établissement", "UAI", "RNE", "school", "établissement", refers="schools")
    ]
    commune: Annotated[str, Column(cells.COMMUNE, "Code INSEE", "insee", "commune", "code commune")]


@dataclass(frozen=True)
class Stop:
    """Where a coach takes pupils up, on one side of the street."""

    id: Annotated[str, Column(cells.ID, "Code arrêt", "arrêt", "id", "code", "stop id", "numéro")]
    name: Annotated[str, Column(cells.text(), "Nom", "libellé", "nom de l'arrêt", "name", "stop name", "désignation")]
    lat: Annotated[float, Column(cells.LATITUDE, "Latitude", "lat", "Y", "stop lat")]
    lon: Annotated[float, Column(cells.LONGITUDE, "Longitude", "lon", "long", "lng", "X", "stop lon")]
    bearing: Annotated[float | None, Column(cells.BEARING, "Cap", "côté", "sens", "direction", "bearing")] = None
    """Degrees from north in which a coach stands there; None: either side."""
    commune: Annotated[str | None, Column(cells.COMMUNE, "Code INSEE", "insee", "code commune")] = None
    open: Annotated[bool, Column(cells.YES_NO, "Ouvert", "actif", "en service", "open")] = True


@dataclass(frozen=True)
class Operator:
    """Who drives."""

    id: Annotated[str, Column(cells.ID, "Code transporteur", "transporteur", "id", "code", "SIRET", "operator")]
    name: Annotated[str, Column(cells.text(), "Nom", "raison sociale", "libellé", "name")]
    phone: Annotated[str | None, Column(cells.PHONE, "Téléphone", "tel", "phone", "portable")] = None
    email: Annotated[str | None, Column(cells.EMAIL, "Courriel", "mail", "e-mail", "email", "adresse mail")] = None


@dataclass(frozen=True)
class Lot:
    """A part of the network as it was put out to tender."""

    id: Annotated[str, Column(cells.ID, "Code lot", "lot", "id", "code", "marché", "numéro de lot")]
    name: Annotated[str, Column(cells.text(), "Nom", "libellé", "intitulé", "name")]
    operator: Annotated[
        str | None, Column(cells.ID, "Code transporteur", "transporteur", "titulaire", "operator", refers="operators")
    ] = None
    first: Annotated[date | None, Column(cells.DAY, "Début", "date de début", "first", "du")] = None
    last: Annotated[date | None, Column(cells.DAY, "Fin", "date de fin", "last", "au")] = None


@dataclass(frozen=True)
class Vehicle:
    """A vehicle, or one of a kind that an operator has."""

    id: Annotated[str, Column(cells.ID, "Code véhicule", "véhicule", "parc", "id", "code", "numéro de parc")]
    operator: Annotated[str, Column(cells.ID, "Code transporteur", "transporteur", "operator", refers="operators")]
    make: Annotated[str, Column(cells.choice(MAKES), "Type", "catégorie", "genre", "make")]
    seats: Annotated[int, Column(cells.whole(1, 200), "Places assises", "places", "capacité", "sièges", "seats")]
    lot: Annotated[str | None, Column(cells.ID, "Code lot", "lot", refers="lots")] = None
    wheelchairs: Annotated[int, Column(cells.whole(0, 20), "Places UFR", "fauteuils", "UFR", "wheelchairs")] = 0
    seats_per_wheelchair: Annotated[int, Column(cells.whole(0, 20), "Sièges par fauteuil", "seats per wheelchair")] = 0
    day_cents: Annotated[
        int | None, Column(cells.EUROS, "Coût par jour (€)", "forfait journalier", "coût fixe", "day cents")
    ] = None
    km_cents: Annotated[
        int | None, Column(cells.EUROS, "Coût par km (€)", "coût kilométrique", "prix au km", "km cents")
    ] = None
    hour_cents: Annotated[int | None, Column(cells.EUROS, "Coût par heure (€)", "coût horaire", "hour cents")] = None
    grams: Annotated[int | None, Column(cells.whole(0, 10_000), "CO2 (g/km)", "émissions", "g co2 km", "grams")] = None
    lat: Annotated[float | None, Column(cells.LATITUDE, "Latitude du dépôt", "latitude", "lat")] = None
    lon: Annotated[float | None, Column(cells.LONGITUDE, "Longitude du dépôt", "longitude", "lon")] = None


@dataclass(frozen=True)
class Circuit:
    """What one vehicle does on a school day, by the name under which families know it."""

    id: Annotated[str, Column(cells.ID, "Code circuit", "circuit", "id", "code", "ligne", "numéro de circuit")]
    name: Annotated[str, Column(cells.text(), "Nom", "libellé", "intitulé", "name")]
    lot: Annotated[str | None, Column(cells.ID, "Code lot", "lot", refers="lots")] = None
    vehicle: Annotated[str | None, Column(cells.ID, "Code véhicule", "véhicule", "vehicle", refers="vehicles")] = None
    locked: Annotated[bool, Column(cells.YES_NO, "Figé", "verrouillé", "locked")] = False
    """Not to be changed by planning."""


@dataclass(frozen=True)
class Run:
    """One trip of a circuit: in the morning, on Wednesday noon, in the evening."""

    id: Annotated[str, Column(cells.ID, "Code course", "course", "id", "service")]
    circuit: Annotated[str, Column(cells.ID, "Code circuit", "circuit", "ligne", refers="circuits")]
    trip: Annotated[str, Column(cells.choice(TRIPS), "Trajet", "sens", "période", "trip")]
    weekdays: Annotated[tuple[int, ...], Column(cells.WEEKDAYS, "Jours", "jour", "jours de circulation", "weekdays")]
    riders: Annotated[str, Column(cells.choice(RIDERS), "Public", "élèves concernés", "riders")] = "all"


@dataclass(frozen=True)
class Call:
    """A run's halt at a stop or a school."""

    run: Annotated[str, Column(cells.ID, "Code course", "course", "service", "run", refers="runs")]
    position: Annotated[int, Column(cells.whole(1, 500), "Ordre", "rang", "position", "n°", "numéro d'ordre")]
    at: Annotated[int, Column(cells.CLOCK, "Heure", "horaire", "heure de passage", "at", "time")]
    stop: Annotated[str | None, Column(cells.ID, "Code arrêt", "arrêt", "stop", refers="stops")] = None
    school: Annotated[
        str | None, Column(cells.ID, "Code établissement", "UAI", "RNE", "établissement", "school", refers="schools")
    ] = None


@dataclass(frozen=True)
class Rule:
    """Who is entitled to transport, between two days; of those in force the most specific applies."""

    id: Annotated[str, Column(cells.ID, "Code règle", "règle", "id", "code")]
    first: Annotated[date, Column(cells.DAY, "Début", "en vigueur du", "first", "du", "à partir du")]
    metres: Annotated[int, Column(cells.whole(0, 200_000), "Distance minimale (m)", "distance", "mètres", "metres")]
    """Shortest way by road from home to school, at least."""
    sector: Annotated[bool, Column(cells.YES_NO, "Secteur exigé", "secteur", "carte scolaire", "sector")]
    """Only to the school whose sector the home lies in."""
    last: Annotated[date | None, Column(cells.DAY, "Fin", "au", "last", "jusqu'au")] = None
    level: Annotated[str | None, Column(cells.choice(LEVELS), "Niveau", "degré", "level")] = None
    commune: Annotated[str | None, Column(cells.COMMUNE, "Code INSEE", "commune", "insee")] = None
    """Of the pupil's home; None: any."""
    text: Annotated[str, Column(cells.text(), "Texte", "référence", "règlement", "text")] = ""
    """Where it is written."""


@dataclass(frozen=True)
class Pupil:
    """A pupil of the year. Personal are names, birth, addresses, homes and contacts."""

    number: Annotated[
        str,
        Column(
            cells.ID, "Numéro", "INE", "identifiant", "id national", "n° élève", "number", "numero eleve", personal=True
        ),
    ]
    school: Annotated[
        str,
        Column(cells.ID, "Code établissement", "UAI", "RNE", "établissement", "school", "code uai", refers="schools"),
    ]
    level: Annotated[str | None, Column(cells.choice(LEVELS), "Niveau", "degré", "level", "cycle")] = None
    """Where a list does not say it, the school's."""
    grade: Annotated[str | None, Column(cells.text(40), "Classe", "division", "grade", "code classe")] = None
    boarding: Annotated[str, Column(cells.choice(BOARDING), "Régime", "code régime", "boarding")] = "half_board"
    needs: Annotated[tuple[str, ...], Column(cells.codes(NEEDS, NO_HEALTH), "Besoins", "aménagements", "needs")] = ()
    last_name: Annotated[
        str | None,
        Column(
            cells.text(100), "Nom", "nom de famille", "nom élève", "nom de l'élève", "last name", "name", personal=True
        ),
    ] = None
    first_name: Annotated[
        str | None,
        Column(cells.text(100), "Prénom", "prénoms", "prénom élève", "prénom 1", "first name", personal=True),
    ] = None
    born: Annotated[
        date | None,
        Column(
            cells.DAY, "Date de naissance", "né(e) le", "date naissance", "naissance", "né le", "born", personal=True
        ),
    ] = None
    address: Annotated[
        str | None, Column(cells.text(), "Adresse", "adresse 1", "ligne adresse 1", "rue", "address", personal=True)
    ] = None
    postcode: Annotated[str | None, Column(cells.POSTCODE, "Code postal", "CP", "postcode", personal=True)] = None
    city: Annotated[str | None, Column(cells.text(100), "Commune", "ville", "localité", "city", personal=True)] = None
    commune: Annotated[
        str | None, Column(cells.COMMUNE, "Code INSEE", "insee", "code commune", "commune insee", personal=True)
    ] = None
    lat: Annotated[float | None, Column(cells.LATITUDE, "Latitude", "lat", "Y", personal=True)] = None
    lon: Annotated[float | None, Column(cells.LONGITUDE, "Longitude", "lon", "X", personal=True)] = None
    weekdays: Annotated[
        tuple[int, ...], Column(cells.WEEKDAYS, "Jours", "jours au domicile 1", "weekdays", personal=True)
    ] = (1, 2, 3, 4, 5)
    weeks: Annotated[str, Column(cells.choice(WEEKS), "Semaines", "semaines au domicile 1", "weeks", personal=True)] = (
        "all"
    )
    second_address: Annotated[
        str | None, Column(cells.text(), "Adresse domicile 2", "adresse 2e domicile", "second address", personal=True)
    ] = None
    second_postcode: Annotated[
        str | None, Column(cells.POSTCODE, "Code postal domicile 2", "CP domicile 2", "second postcode", personal=True)
    ] = None
    second_city: Annotated[
        str | None, Column(cells.text(100), "Commune domicile 2", "ville domicile 2", "second city", personal=True)
    ] = None
    second_commune: Annotated[
        str | None, Column(cells.COMMUNE, "Code INSEE domicile 2", "insee domicile 2", "second commune", personal=True)
    ] = None
    second_lat: Annotated[
        float | None, Column(cells.LATITUDE, "Latitude domicile 2", "lat domicile 2", "second lat", personal=True)
    ] = None
    second_lon: Annotated[
        float | None, Column(cells.LONGITUDE, "Longitude domicile 2", "lon domicile 2", "second lon", personal=True)
    ] = None
    second_weekdays: Annotated[
        tuple[int, ...] | None, Column(cells.WEEKDAYS, "Jours domicile 2", "second weekdays", personal=True)
    ] = None
    second_weeks: Annotated[
        str | None, Column(cells.choice(WEEKS), "Semaines domicile 2", "second weeks", personal=True)
    ] = None
    contact: Annotated[
        str | None,
        Column(cells.text(100), "Responsable", "représentant légal", "nom responsable", "contact", personal=True),
    ] = None
    phone: Annotated[
        str | None, Column(cells.PHONE, "Téléphone", "tel", "portable", "tel portable", "phone", personal=True)
    ] = None
    email: Annotated[str | None, Column(cells.EMAIL, "Courriel", "mail", "e-mail", "email", personal=True)] = None
    second_contact: Annotated[
        str | None, Column(cells.text(100), "Responsable domicile 2", "second contact", personal=True)
    ] = None
    second_phone: Annotated[
        str | None, Column(cells.PHONE, "Téléphone domicile 2", "tel domicile 2", "second phone", personal=True)
    ] = None
    second_email: Annotated[
        str | None, Column(cells.EMAIL, "Courriel domicile 2", "mail domicile 2", "second email", personal=True)
    ] = None
    messages: Annotated[
        bool, Column(cells.YES_NO, "Messages", "accepte les messages", "messages acceptés", personal=True)
    ] = True
    """Whether the family wants to be written to when stops or times change."""


@dataclass(frozen=True)
class Request:
    """What a family asked for, and what became of it."""

    pupil: Annotated[str, Column(cells.ID, "Élève", "numéro élève", "numéro", "INE", "pupil", refers="pupils")]
    received: Annotated[date, Column(cells.DAY, "Reçue le", "date", "date de demande", "received")]
    kind: Annotated[str, Column(cells.choice(REQUESTS), "Demande", "type", "objet", "kind")]
    school: Annotated[str | None, Column(cells.ID, "Code établissement", "UAI", "RNE", "school", refers="schools")] = (
        None
    )
    stop: Annotated[str | None, Column(cells.ID, "Code arrêt", "arrêt", "arrêt souhaité", "stop", refers="stops")] = (
        None
    )
    state: Annotated[str, Column(cells.choice(STATES), "État", "statut", "décision", "state")] = "open"
    decided: Annotated[date | None, Column(cells.DAY, "Décidée le", "date de décision", "decided")] = None


@dataclass(frozen=True)
class Seat:
    """Where a pupil gets on or off a run, from one of the homes."""

    pupil: Annotated[str, Column(cells.ID, "Élève", "numéro élève", "numéro", "INE", "pupil", refers="pupils")]
    run: Annotated[str, Column(cells.ID, "Code course", "course", "service", "run", refers="runs")]
    stop: Annotated[str, Column(cells.ID, "Code arrêt", "arrêt", "stop", refers="stops")]
    home: Annotated[int, Column(cells.whole(1, 2), "Domicile", "home")] = 1


@dataclass(frozen=True)
class Sheet:
    """A list of the register: a noun, what identifies its rows, and where it is."""

    name: str
    """In addresses and commands."""
    titles: tuple[str, ...]
    """Of a workbook's sheet; the first is written."""
    noun: type[Any]
    key: tuple[str, ...]
    """Fields that no two rows of a year share."""

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns by field, in order."""
        hints = get_type_hints(self.noun, include_extras=True)
        return {one.name: hints[one.name].__metadata__[0] for one in fields(self.noun)}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What a blank cell means, by field; fields that must be filled are missing."""
        return {one.name: one.default for one in fields(self.noun) if one.default is not MISSING}

    @property
    def table(self) -> str:
        """Where the rows are stored."""
        return f"school_{self.name[:-1] if self.name != 'seats' else 'seat'}"


SHEETS: Mapping[str, Sheet] = {
    sheet.name: sheet
    for sheet in (
        Sheet("schools", ("Établissements", "écoles", "schools"), School, ("id",)),
        Sheet("bells", ("Horaires", "sonneries", "bells"), Bell, ("school", "trip", "weekdays", "at", "riders")),
        Sheet("sectors", ("Secteurs", "carte scolaire", "sectors"), Sector, ("school", "commune")),
        Sheet("stops", ("Arrêts", "points d'arrêt", "stops"), Stop, ("id",)),
        Sheet("operators", ("Transporteurs", "operators"), Operator, ("id",)),
        Sheet("lots", ("Lots", "marchés"), Lot, ("id",)),
        Sheet("vehicles", ("Véhicules", "parc", "vehicles"), Vehicle, ("id",)),
        Sheet("circuits", ("Circuits", "lignes"), Circuit, ("id",)),
        Sheet("runs", ("Courses", "services", "runs"), Run, ("id",)),
        Sheet("calls", ("Passages", "fiche horaire", "calls"), Call, ("run", "position")),
        Sheet("rules", ("Règles", "ayants droit", "rules"), Rule, ("id", "first")),
        Sheet("pupils", ("Élèves", "inscrits", "usagers", "pupils"), Pupil, ("number",)),
        Sheet("requests", ("Demandes", "requests"), Request, ("pupil", "received", "kind")),
        Sheet("seats", ("Affectations", "seats"), Seat, ("pupil", "run", "home")),
    )
}
"""In the order in which rows may refer to each other: only to lists before theirs."""
