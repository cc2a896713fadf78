"""Stops, lines and timetables of the demonstration: invented, at the pace and in the number of a real rural region."""

from datetime import date
from typing import NamedTuple

MONDAY = date(2026, 11, 16)
"""Around which the committed dates lie; loading moves them by whole weeks."""


class Stop(NamedTuple):
    """A stop beside the street nearest to a point some metres east and north of a place's centre."""

    id: str
    name: str
    place: str
    east: float = 0
    north: float = 0
    parent: str = ""
    wheelchair: int = 1


COACH_STOPS = (
    Stop("semur_gare_routiere", "Semur-en-Auxois Gare routière", "Semur-en-Auxois", 360, 20, "semur"),
    Stop("semur_liberte", "Semur-en-Auxois Place Gaveau", "Semur-en-Auxois", -20, 0),
    Stop("semur_lycee", "Semur-en-Auxois Lycée Anna-Judic", "Semur-en-Auxois", 400, 110),
    Stop("semur_hopital", "Semur-en-Auxois Centre hospitalier", "Semur-en-Auxois", 300, 330),
    Stop("semur_supermarche", "Semur-en-Auxois Croix-Belin", "Semur-en-Auxois", 210, 260),
    Stop("semur_rempart", "Semur-en-Auxois Rempart", "Semur-en-Auxois", -190, -150, wheelchair=2),
    Stop("semur_tanneries", "Semur-en-Auxois Tanneries", "Semur-en-Auxois", -420, -280, wheelchair=2),
    Stop("montbard_gare_routiere", "Montbard Gare routière", "Montbard", 20, -410, "montbard"),
    Stop("montbard_centre", "Montbard Mairie", "Montbard", 10, 10),
    Stop("montbard_hopital", "Montbard Hôpital", "Montbard", 250, 160),
    Stop("montbard_college", "Montbard Collège Pasteur", "Montbard", -250, 220),
    Stop("montbard_parc", "Montbard Parc Buffon", "Montbard", -110, 330),
    Stop("laumes_gare_routiere", "Les Laumes Gare routière", "Venarey-les-Laumes", 270, 30, "laumes"),
    Stop("venarey_centre", "Venarey-les-Laumes Mairie", "Venarey-les-Laumes", -10, 0),
    Stop("alise", "Alise-Sainte-Reine Village", "Alise-Sainte-Reine", 30, 5),
    Stop("flavigny", "Flavigny-sur-Ozerain Porte du Bourg", "Flavigny-sur-Ozerain", 20, 20, wheelchair=2),
    Stop("pouillenay", "Pouillenay Mairie", "Pouillenay", 15, 10),
    Stop("epoisses", "Époisses Champ-de-Foire", "Époisses", 10, 10),
    Stop("toutry", "Toutry Mairie", "Toutry", 15, 10),
    Stop("torcy", "Torcy-et-Pouligny Abribus", "Torcy-et-Pouligny", 10, 10),
    Stop("villars", "Villars-et-Villenotte Abribus", "Villars-et-Villenotte", 10, 10),
    Stop("massingy", "Massingy-lès-Semur Abribus", "Massingy-lès-Semur", 10, 10),
    Stop("mussy", "Mussy-la-Fosse Abribus", "Mussy-la-Fosse", 10, 10),
    Stop("champ_doiseau", "Champ-d'Oiseau Abribus", "Champ-d'Oiseau", 10, 10),
    Stop("montigny_montfort", "Montigny-Montfort Mairie", "Montigny-Montfort", 10, 10),
    Stop("courcelles_semur", "Courcelles-lès-Semur Abribus", "Courcelles-lès-Semur", 10, 10),
    Stop("bierre", "Bierre-lès-Semur Aire de covoiturage", "Bierre-lès-Semur", -20, -10),
    Stop("precy", "Précy-sous-Thil Mairie", "Précy-sous-Thil", 15, 10),
    Stop("montlay", "Montlay-en-Auxois Abribus", "Montlay-en-Auxois", 10, 10),
    Stop("saulieu", "Saulieu Place Monge", "Saulieu", 20, 10),
    Stop("la_roche", "La Roche-en-Brenil Mairie", "La Roche-en-Brenil", 15, 10),
    Stop("rouvray", "Rouvray Mairie", "Rouvray", 15, 10),
    Stop("marigny", "Marigny-le-Cahouët Mairie", "Marigny-le-Cahouët", 10, 10),
    Stop("posanges", "Posanges Abribus", "Posanges", 10, 10),
    Stop("vitteaux", "Vitteaux Place des Halles", "Vitteaux", -20, 20),
    Stop("saint_mesmin", "Saint-Mesmin Abribus", "Saint-Mesmin", 10, 10),
    Stop("sombernon", "Sombernon Place", "Sombernon", 15, 10),
    Stop("pont_de_pany", "Pont-de-Pany Mairie", "Pont-de-Pany", 10, 10),
    Stop("fleurey", "Fleurey-sur-Ouche Mairie", "Fleurey-sur-Ouche", 10, 10),
    Stop("velars", "Velars-sur-Ouche Mairie", "Velars-sur-Ouche", 10, 10),
    Stop("plombieres", "Plombières-lès-Dijon Mairie", "Plombières-lès-Dijon", 10, 10),
    Stop("dijon_gare_routiere", "Dijon Gare routière", "Dijon", -1010, 90),
    Stop("pouilly", "Pouilly-en-Auxois Place des Alliés", "Pouilly-en-Auxois", 20, 20),
    Stop("commarin", "Commarin Château", "Commarin", 10, 10),
    Stop("moutiers", "Moutiers-Saint-Jean Mairie", "Moutiers-Saint-Jean", 10, 10),
    Stop("viserny", "Viserny Abribus", "Viserny", 10, 10),
    Stop("genay", "Genay Mairie", "Genay", 10, 10),
)

TRAM_STOPS = (
    Stop("tram_gare", "Dijon Gare", "Dijon", -960, 150),
    Stop("tram_darcy", "Darcy", "Dijon", -540, 205),
    Stop("tram_godrans", "Godrans", "Dijon", -165, 378),
    Stop("tram_republique", "République", "Dijon", 290, 540),
    Stop("tram_auditorium", "Auditorium", "Dijon", 840, 740),
    Stop("tram_poincare", "Poincaré", "Poincaré", -5, 5),
    Stop("tram_trimolet", "Trimolet", "Trimolet", -5, 5),
    Stop("tram_parc_des_sports", "Parc des Sports", "Parc des Sports", -5, 5),
    Stop("tram_chu", "CHU Hôpitaux", "CHU Hôpitaux", -5, 5),
    Stop("tram_erasme", "Erasme", "Erasme", 0, 5),
    Stop("tram_universite", "Université", "Université", -5, 5),
    Stop("tram_mazen", "Mazen Sully", "Mazen Sully", -5, 5),
    Stop("tram_piscine", "Piscine Olympique", "Piscine Olympique", -5, 5),
    Stop("tram_cap_vert", "Cap Vert", "Cap Vert", -5, 5),
    Stop("tram_quetigny", "Quetigny Centre", "Quetigny", -20, 10),
    Stop("tram_valmy", "Valmy", "Valmy", 0, -10),
    Stop("tram_toison", "Toison d'Or", "Toison d'Or", -5, 0),
    Stop("tram_europe", "Europe", "Europe", 0, 5),
    Stop("tram_nation", "Nation", "Nation", 0, 5),
    Stop("tram_drapeau", "Drapeau", "Drapeau", 0, 5),
    Stop("tram_monge", "Monge", "Dijon", -760, -560),
    Stop("tram_premier_mai", "1er Mai", "Dijon", -930, -840),
    Stop("tram_jaures", "Jaurès", "Jaurès", 0, 5),
    Stop("tram_bourroches", "Bourroches", "Bourroches", 0, 5),
    Stop("tram_carraz", "Carraz", "Carraz", 0, 5),
    Stop("tram_chenove", "Chenôve Centre", "Chenôve", 10, 10),
)

TRAIN_STOPS = {
    "dijon_ville": ("Dijon-Ville", 1),
    "plombieres_canal": ("Plombières-Canal", 2),
    "velars_gare": ("Velars", 2),
    "malain": ("Mâlain", 2),
    "blaisy": ("Blaisy-Bas", 2),
    "verrey": ("Verrey", 2),
    "laumes": ("Les Laumes-Alésia", 1),
    "montbard": ("Montbard", 1),
    "nuits": ("Nuits-sous-Ravières", 2),
    "tonnerre": ("Tonnerre", 1),
}
"""Station: its name among the railway stations, wheelchair_boarding."""

SERVICES = {
    # monday ... sunday
    "quotidien": "1111111",
    "semaine": "1111100",
    "samedi": "0000010",
    "dimanche": "0000001",
    "lundi_samedi": "1111110",
    "samedi_dimanche": "0000011",
    "scolaire": "1101100",
    "scolaire_mercredi": "0010000",
    "jeudi": "0001000",
    "mercredi_samedi": "0010010",
    "vendredi_samedi": "0000110",
}
HOLIDAY_WEEKS = (6, 7)
"""Weeks after that Monday in which schools are closed."""


class Line(NamedTuple):
    """A line whose vehicles stop everywhere, and what time they leave each end on which service."""

    id: str
    agency: str
    number: str
    name: str
    kind: int
    """route_type."""
    colour: str
    text: str
    stops: tuple[str, ...]
    there: tuple[tuple[str, str], ...]
    back: tuple[tuple[str, str], ...]
    minutes: tuple[int, ...] = ()
    """From the first stop; empty: driven along the roads."""
    bikes: int = 2
    on_request: frozenset[str] = frozenset()
    """Stops served when somebody telephones or asks the driver."""


def _departures(service: str, times: str) -> tuple[tuple[str, str], ...]:
    return tuple((service, time) for time in times.split())


_SMALL = frozenset({"posanges", "saint_mesmin", "torcy", "villars", "montlay"})

# fmt: off
LINES = (
    Line("120", "auxois", "120", "Semur-en-Auxois - Vitteaux - Sombernon - Dijon", 3, "0B6E4F", "FFFFFF",
        ("semur_gare_routiere", "semur_liberte", "marigny", "posanges", "vitteaux", "saint_mesmin", "sombernon",
        "pont_de_pany", "fleurey", "velars", "plombieres", "dijon_gare_routiere"), (*_departures("semaine",
        "05:50 17:05"), *_departures("lundi_samedi", "07:05 12:45"), *_departures("dimanche", "08:10 17:30")),
        (*_departures("semaine", "07:20 17:15"), *_departures("lundi_samedi", "12:20 18:35"),
        *_departures("dimanche", "11:15 19:00")), on_request=_SMALL),
    Line("121", "auxois", "121", "Saulieu - Précy-sous-Thil - Semur-en-Auxois - Montbard", 3, "8A1C7C", "FFFFFF",
        ("saulieu", "montlay", "precy", "bierre", "courcelles_semur", "semur_gare_routiere", "semur_liberte",
        "champ_doiseau", "montigny_montfort", "montbard_gare_routiere"), (*_departures("semaine",
        "05:35 06:32 15:35"), *_departures("lundi_samedi", "11:40"), *_departures("quotidien", "17:20"),
        *_departures("dimanche", "08:25")), (*_departures("semaine", "07:10 13:05 17:20 19:25"),
        *_departures("lundi_samedi", "09:10"), *_departures("quotidien", "18:25"), *_departures("dimanche",
        "10:10 20:20")), bikes=1, on_request=_SMALL),
    Line("122", "auxois", "122", "Époisses - Semur-en-Auxois - Les Laumes", 3, "D1495B", "FFFFFF", ("epoisses",
        "torcy", "semur_liberte", "semur_gare_routiere", "villars", "massingy", "mussy", "venarey_centre",
        "laumes_gare_routiere"), (*_departures("semaine", "06:10 07:05 17:15"), *_departures("lundi_samedi",
        "08:05 12:55"), *_departures("dimanche", "16:15")), (*_departures("semaine", "07:25 13:00 18:15 19:35"),
        *_departures("lundi_samedi", "09:10"), *_departures("dimanche", "18:15")), on_request=_SMALL),
    Line("123", "auxois", "123", "Rouvray - La Roche-en-Brenil - Saulieu", 3, "5B5EA6", "FFFFFF", ("rouvray",
        "la_roche", "saulieu"), (*_departures("scolaire", "07:05"), *_departures("scolaire_mercredi", "07:05")),
        (*_departures("scolaire", "16:50"), *_departures("scolaire_mercredi", "12:20"))),
    Line("124", "auxois", "124", "Pouilly-en-Auxois - Sombernon - Dijon", 3, "00798C", "FFFFFF", ("pouilly",
        "commarin", "sombernon", "pont_de_pany", "velars", "plombieres", "dijon_gare_routiere"),
        (*_departures("semaine", "06:15 07:10 13:05"), *_departures("samedi", "08:30 13:30")),
        (*_departures("semaine", "12:25 17:25 18:25"), *_departures("samedi", "12:25 18:25"))),
    Line("125", "auxois", "125", "Venarey-les-Laumes - Flavigny-sur-Ozerain - Vitteaux (jour de marché)", 3,
        "B07D12", "000000", ("laumes_gare_routiere", "venarey_centre", "alise", "flavigny", "vitteaux"),
        _departures("jeudi", "08:35"), _departures("jeudi", "12:05")),
    Line("126", "auxois", "126", "Moutiers-Saint-Jean - Viserny - Genay - Semur-en-Auxois", 3, "3D5A80", "FFFFFF",
        ("moutiers", "viserny", "genay", "semur_liberte", "semur_gare_routiere"), _departures("mercredi_samedi",
        "08:40 13:25"), _departures("mercredi_samedi", "12:05 17:25")),
    Line("S1", "auxois", "S1", "Flavigny-sur-Ozerain - Pouillenay - lycée de Semur", 3, "F2C14E", "000000",
        ("flavigny", "pouillenay", "venarey_centre", "massingy", "villars", "semur_gare_routiere", "semur_lycee"),
        (*_departures("scolaire", "07:00"), *_departures("scolaire_mercredi", "07:00")), (*_departures("scolaire",
        "17:10"), *_departures("scolaire_mercredi", "12:20"))),
    Line("S2", "auxois", "S2", "Toutry - Époisses - lycée de Semur", 3, "F2C14E", "000000", ("toutry", "epoisses",
        "torcy", "semur_liberte", "semur_lycee"), (*_departures("scolaire", "07:10"),
        *_departures("scolaire_mercredi", "07:10")), (*_departures("scolaire", "17:10"),
        *_departures("scolaire_mercredi", "12:20"))),
    Line("N1", "semur", "N1", "Navette de Semur", 3, "F26419", "000000", ("semur_gare_routiere", "semur_lycee",
        "semur_hopital", "semur_supermarche", "semur_liberte", "semur_rempart", "semur_tanneries", "semur_liberte",
        "semur_gare_routiere"), (*_departures("lundi_samedi",
        "08:15 09:15 10:15 11:15 14:15 15:15 16:15 17:15 18:15"), *_departures("semaine", "07:15 12:15")), ()),
    Line("M1", "semur", "M1", "Montbard Gare - Hôpital - Parc Buffon", 3, "2E86AB", "FFFFFF",
        ("montbard_gare_routiere", "montbard_centre", "montbard_hopital", "montbard_college", "montbard_parc"),
        (*_departures("lundi_samedi", "08:55 10:05 11:05 14:05 15:15 17:10"), *_departures("semaine",
        "07:00 18:15")), (*_departures("lundi_samedi", "08:20 09:30 10:30 11:40 14:35 16:35"),
        *_departures("semaine", "06:25 17:40"))),
    Line("TER", "trains", "TER", "Dijon - Les Laumes - Montbard - Tonnerre", 2, "0749FF", "FFFFFF", ("dijon_ville",
        "laumes", "montbard", "nuits", "tonnerre"), (*_departures("semaine", "05:40 06:25 07:36 16:33 18:33"),
        *_departures("quotidien", "08:24 12:10 17:36 19:36"), *_departures("samedi_dimanche", "10:36 15:36")),
        (*_departures("semaine", "06:24 07:23 16:36 18:36"), *_departures("quotidien", "08:25 12:25 17:24 19:24"),
        *_departures("samedi_dimanche", "10:24 15:24"), *_departures("dimanche", "21:24")), (0, 28, 37, 47, 62),
        bikes=1),
    Line("TER-O", "trains", "TER", "Dijon - Blaisy-Bas - Montbard (omnibus)", 2, "0749FF", "FFFFFF", ("dijon_ville",
        "plombieres_canal", "velars_gare", "malain", "blaisy", "verrey", "laumes", "montbard"),
        (*_departures("semaine", "12:36 17:06 18:06"), *_departures("quotidien", "20:37"),
        *_departures("vendredi_samedi", "23:24")), (*_departures("semaine", "05:50 06:48"),
        *_departures("quotidien", "13:12"), *_departures("semaine", "18:12")), (0, 5, 9, 16, 22, 29, 42, 51),
        bikes=1),
)
# fmt: on

VIRTUAL = Line(
    "TADV", "tad", "V1", "Flavigny-sur-Ozerain - Pouillenay - Gare des Laumes", 3, "386641", "FFFFFF",
    ("flavigny", "pouillenay", "laumes_gare_routiere"),
    _departures("semaine", "06:50 09:20 13:10"), _departures("semaine", "12:20 17:50"),
)  # fmt: skip
"""Runs only for those who booked it."""

ON_DEMAND_OPERATOR = "auxois_a_la_demande"
"""Id of who dispatches what runs on demand; `gtfs/demonstration_fleet.json` has its vehicles."""

# fmt: off
TRAMS = (
    ("T1", "Gare - Université - Quetigny", "E6007E", ("tram_gare", "tram_darcy", "tram_godrans", "tram_republique",
        "tram_auditorium", "tram_poincare", "tram_trimolet", "tram_parc_des_sports", "tram_chu", "tram_erasme",
        "tram_universite", "tram_mazen", "tram_piscine", "tram_cap_vert", "tram_quetigny"), "Gare", "Quetigny"),
    ("T2", "Valmy - Gare - Chenôve", "009FE3", ("tram_valmy", "tram_toison", "tram_europe", "tram_nation",
        "tram_drapeau", "tram_republique", "tram_godrans", "tram_darcy", "tram_gare", "tram_monge",
        "tram_premier_mai", "tram_jaures", "tram_bourroches", "tram_carraz", "tram_chenove"), "Valmy", "Chenôve"),
)
# fmt: on
"""Number, name, colour, stops, names of the two ends."""

TRAM_HOURS = {
    "semaine": (
        ("05:30:00", "07:00:00", 900),
        ("07:00:00", "09:30:00", 360),
        ("09:30:00", "16:00:00", 480),
        ("16:00:00", "19:00:00", 360),
        ("19:00:00", "24:30:00", 1200),
    ),
    "samedi": (("05:45:00", "09:00:00", 900), ("09:00:00", "20:00:00", 600), ("20:00:00", "25:00:00", 1200)),
    "dimanche": (("06:30:00", "24:00:00", 1200),),
}
"""From, until, seconds between two trams."""

AGENCIES = (
    ("auxois", "Cars de l'Auxois (démonstration)", "https://example.org/auxois", "+33 3 53 01 00 01"),
    ("semur", "Navettes de Semur et Montbard (démonstration)", "https://example.org/navettes", "+33 3 53 01 00 02"),
    ("trains", "Trains de Bourgogne (démonstration)", "https://example.org/trains", "+33 3 53 01 00 03"),
    ("dijon", "Tramway de Dijon (démonstration)", "https://example.org/tram", "+33 3 53 01 00 04"),
    ("tad", "Auxois à la demande (démonstration)", "https://example.org/a-la-demande", "+33 3 53 01 00 05"),
)

ZONE = (
    (47.5750, 4.2300),
    (47.5650, 4.3400),
    (47.5300, 4.3900),
    (47.5250, 4.4500),
    (47.5300, 4.5300),
    (47.4900, 4.5700),
    (47.4200, 4.5900),
    (47.3600, 4.5700),
    (47.3500, 4.4500),
    (47.3600, 4.3000),
    (47.3900, 4.2100),
    (47.4600, 4.1300),
    (47.5200, 4.1100),
    (47.5500, 4.1700),
)
"""The Auxois served on demand, lat, lon."""
