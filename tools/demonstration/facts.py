"""Facts of the northern Côte-d'Or, from which the demonstration's streets are drawn.

Places lie where they lie and are as far apart by road as they are; what runs between them is drawn, not surveyed.
"""

from typing import NamedTuple

POSTCODES = {
    "Dijon": "21000",
    "Semur-en-Auxois": "21140",
    "Montbard": "21500",
    "Venarey-les-Laumes": "21150",
    "Saulieu": "21210",
    "Vitteaux": "21350",
    "Pouilly-en-Auxois": "21320",
    "Précy-sous-Thil": "21390",
    "Époisses": "21460",
    "Sombernon": "21540",
    "Quetigny": "21800",
    "Chenôve": "21300",
    "Tonnerre": "89700",
}


class Town(NamedTuple):
    """A place with a net of streets around its centre."""

    name: str
    lat: float
    lon: float
    population: int
    spacing: float
    """Metres between streets."""
    turn: float
    """Degrees by which the net is turned."""
    across: tuple[str, ...]
    """Streets running east, from south to north."""
    along: tuple[str, ...]
    """Streets running north, from west to east."""


class Village(NamedTuple):
    """A place on the road: a few lanes around a crossing."""

    name: str
    lat: float
    lon: float
    population: int
    """0 for a quarter or a junction, which is no place of its own."""


# fmt: off
TOWNS = (
    Town("Dijon", 47.3220, 5.0415, 162650, 190, 0, ("Rue du Transvaal", "Rue de la Manutention", "Rue du Tivoli",
        "Rue du Petit-Potet", "Rue Amiral-Roussin", "Rue des Forges", "Rue de la Liberté", "Rue Musette",
        "Rue de la Préfecture", "Rue Devosge", "Boulevard de la Trémouille", "Rue de Jouvence", "Rue des Roses"),
        ("Avenue Albert-Ier", "Rue Guillaume-Tell", "Rue Mariotte", "Boulevard de Sévigné",
        "Rue du Docteur-Chaussier", "Rue Bossuet", "Rue Monge", "Rue des Godrans", "Rue Verrerie", "Rue Vannerie",
        "Rue Jeannin", "Boulevard Thiers", "Boulevard Carnot", "Rue d'Auxonne", "Rue de Gray")),
    Town("Semur-en-Auxois", 47.4906, 4.3336, 4380, 130, 12, ("Rue des Vaux", "Quai d'Armançon", "Rue du Rempart",
        "Rue de la Liberté", "Rue Buffon", "Rue Collenot", "Avenue Pasteur"), ("Rue du Fourneau",
        "Rue des Tanneries", "Rue Févret", "Rue du Bourg-Voisin", "Rue de Paris", "Rue Saint-Jean",
        "Rue de la Croix-Belin", "Boulevard de la Gare")),
    Town("Montbard", 47.6225, 4.3372, 4914, 130, -20, ("Rue de la Gare", "Rue d'Abrantès",
        "Avenue du Maréchal-Foch", "Rue Edme-Piot", "Rue de la Liberté", "Rue Carnot", "Rue Voltaire",
        "Rue du Parc"), ("Rue Auguste-Carré", "Rue Eugène-Guillaume", "Rue Michel-Servet", "Rue Benjamin-Guérard",
        "Rue Pasteur", "Rue Daubenton", "Rue des Forges")),
    Town("Venarey-les-Laumes", 47.5430, 4.4590, 2825, 120, 25, ("Rue du Canal", "Avenue Jean-Jaurès",
        "Rue de la Gare", "Rue Edmé-Piot", "Rue du Stade", "Rue des Prés"), ("Rue Anatole-France",
        "Rue Victor-Hugo", "Rue Eugène-Combes", "Rue de Verdun", "Rue du 8-Mai-1945", "Rue de la Brenne",
        "Rue des Cheminots")),
    Town("Saulieu", 47.2800, 4.2290, 2430, 120, 5, ("Rue du Faubourg-Saint-Jacques", "Rue Courtépée", "Rue Vauban",
        "Rue du Marché", "Rue de la Halle-au-Blé", "Rue des Fours", "Rue du Tour-des-Fossés"), ("Rue Grillot",
        "Rue Sallier", "Rue d'Argentine", "Rue Gambetta", "Rue Danton", "Rue Jean-Bertin")),
    Town("Vitteaux", 47.3975, 4.5420, 1078, 110, -10, ("Rue de la Brenne", "Rue Portelle",
        "Rue de l'Hôtel-de-Ville", "Rue des Halles", "Rue du Vieux-Château"), ("Rue d'Amont", "Rue Saint-Germain",
        "Rue de Dijon", "Rue Hubert-Languet", "Rue de Cessey")),
    Town("Pouilly-en-Auxois", 47.2630, 4.5560, 1665, 115, 8, ("Rue du Port", "Rue du Général-de-Gaulle",
        "Rue de la Libération", "Place des Alliés", "Rue Carnot"), ("Rue de Beaune", "Rue du 19-Mars",
        "Rue Prosper-Meunier", "Rue du Canal", "Rue de la Poterne")),
    Town("Précy-sous-Thil", 47.3886, 4.3094, 728, 110, 15, ("Rue du Serein", "Rue de l'Hôtel-de-Ville",
        "Rue de Thil", "Rue du Champ-de-Foire"), ("Rue de Semur", "Rue de l'Église", "Rue de Saulieu",
        "Rue des Tilleuls")),
    Town("Époisses", 47.5065, 4.1735, 755, 110, -5, ("Rue du Château", "Rue de la Fromagerie",
        "Place du Champ-de-Foire", "Rue des Fossés"), ("Rue d'Avallon", "Rue du Four", "Rue de Semur",
        "Rue de Montbard")),
    Town("Sombernon", 47.3095, 4.7095, 968, 110, 0, ("Rue du Lac", "Avenue de la Brenne", "Rue Eugène-Spuller",
        "Rue du Château"), ("Rue de l'Hôpital", "Rue de la Poste", "Rue Ferdinand-Mercusot", "Rue des Vignes")),
    Town("Quetigny", 47.3140, 5.1100, 9218, 150, 0, ("Boulevard de l'Europe", "Rue du Golf",
        "Boulevard Olivier-de-Serres", "Rue de la Fontaine"), ("Avenue du Cromois", "Rue des Vergers",
        "Avenue du Château", "Rue du Cap-Vert")),
    Town("Chenôve", 47.2940, 5.0060, 14612, 150, -15, ("Rue Armand-Thibaut", "Rue de Longvic",
        "Boulevard Maréchal-de-Lattre-de-Tassigny", "Rue Lamartine"), ("Rue Roger-Salengro", "Rue Paul-Bert",
        "Rue Maxime-Guillot", "Rue du Chapitre")),
    Town("Tonnerre", 47.8565, 3.9745, 4400, 120, 20, ("Rue de l'Hôpital", "Rue Saint-Pierre",
        "Rue de la République", "Rue Vaucorbe"), ("Rue du Pâtis", "Rue François-Mitterrand", "Rue du Collège",
        "Rue de Rougemont")),
)
# fmt: on

VILLAGES = (
    Village("Alise-Sainte-Reine", 47.5375, 4.4905, 579),
    Village("Flavigny-sur-Ozerain", 47.5120, 4.5310, 275),
    Village("Pouillenay", 47.5075, 4.4720, 581),
    Village("Moutiers-Saint-Jean", 47.5605, 4.2210, 261),
    Village("Rouvray", 47.4215, 4.1050, 501),
    Village("La Roche-en-Brenil", 47.3770, 4.1670, 913),
    Village("Montigny-Montfort", 47.5875, 4.3440, 295),
    Village("Champ-d'Oiseau", 47.5530, 4.3530, 109),
    Village("Nogent-lès-Montbard", 47.6060, 4.3700, 161),
    Village("Courcelles-lès-Montbard", 47.5925, 4.3870, 89),
    Village("Grignon", 47.5610, 4.4080, 199),
    Village("Villars-et-Villenotte", 47.5085, 4.3760, 175),
    Village("Massingy-lès-Semur", 47.5140, 4.4060, 160),
    Village("Mussy-la-Fosse", 47.5225, 4.4420, 94),
    Village("Torcy-et-Pouligny", 47.4995, 4.2400, 217),
    Village("Bierre-lès-Semur", 47.4260, 4.2960, 240),
    Village("Courcelles-lès-Semur", 47.4555, 4.2990, 241),
    Village("Montlay-en-Auxois", 47.3350, 4.2680, 194),
    Village("Marigny-le-Cahouët", 47.4630, 4.4560, 327),
    Village("Pont-et-Massène", 47.4690, 4.3500, 181),
    Village("Posanges", 47.4180, 4.5230, 53),
    Village("Brain", 47.4640, 4.5080, 35),
    Village("Saint-Mesmin", 47.3480, 4.6500, 116),
    Village("Pont-de-Pany", 47.2985, 4.8120, 712),
    Village("Fleurey-sur-Ouche", 47.3105, 4.8590, 1483),
    Village("Velars-sur-Ouche", 47.3205, 4.9080, 1838),
    Village("Plombières-lès-Dijon", 47.3385, 4.9650, 2580),
    Village("Mâlain", 47.3275, 4.7930, 794),
    Village("Blaisy-Bas", 47.3735, 4.7405, 667),
    Village("Verrey-sous-Salmaise", 47.4385, 4.6700, 300),
    Village("Thenissey", 47.4965, 4.6180, 98),
    Village("Darcey", 47.5450, 4.5660, 346),
    Village("Corsaint", 47.5480, 4.2030, 142),
    Village("Athie", 47.5620, 4.2590, 79),
    Village("Senailly", 47.5810, 4.2680, 138),
    Village("Crépand", 47.6100, 4.3090, 324),
    Village("Genay", 47.5265, 4.2985, 381),
    Village("Viserny", 47.5560, 4.2830, 183),
    Village("Toutry", 47.5015, 4.1240, 417),
    Village("Montberthault", 47.4620, 4.1560, 213),
    Village("Dompierre-en-Morvan", 47.4010, 4.2330, 204),
    Village("Thoisy-la-Berchère", 47.2595, 4.3400, 313),
    Village("Chailly-sur-Armançon", 47.2750, 4.4780, 273),
    Village("Créancey", 47.2530, 4.5960, 539),
    Village("Commarin", 47.2560, 4.6490, 127),
    Village("Soussey-sur-Brionne", 47.3270, 4.5310, 169),
    Village("Villeneuve-sous-Charigny", 47.4420, 4.4010, 93),
    Village("Saint-Thibault", 47.3725, 4.4715, 161),
    Village("Gissey-le-Vieil", 47.3215, 4.4880, 107),
    Village("Clamerey", 47.3895, 4.4230, 176),
    Village("Nan-sous-Thil", 47.3795, 4.3590, 180),
    Village("Buffon", 47.6540, 4.2770, 157),
    Village("Aisy-sur-Armançon", 47.6610, 4.2190, 242),
    Village("Nuits", 47.7285, 4.2140, 389),
    Village("Lézinnes", 47.7990, 4.0880, 700),
    Village("Fontaine-lès-Dijon", 47.3440, 5.0205, 9050),
    Village("Talant", 47.3360, 5.0070, 12107),
)

QUARTERS = (
    Village("Poincaré", 47.3290, 5.0600, 0),
    Village("Trimolet", 47.3285, 5.0650, 0),
    Village("Parc des Sports", 47.3225, 5.0655, 0),
    Village("CHU Hôpitaux", 47.3200, 5.0685, 0),
    Village("Erasme", 47.3150, 5.0680, 0),
    Village("Université", 47.3115, 5.0735, 0),
    Village("Mazen Sully", 47.3150, 5.0770, 0),
    Village("Piscine Olympique", 47.3152, 5.0830, 0),
    Village("Cap Vert", 47.3135, 5.0950, 0),
    Village("Drapeau", 47.3335, 5.0440, 0),
    Village("Nation", 47.3465, 5.0450, 0),
    Village("Europe", 47.3535, 5.0460, 0),
    Village("Toison d'Or", 47.3560, 5.0530, 0),
    Village("Valmy", 47.3650, 5.0480, 0),
    Village("Monge", 47.3100, 5.0315, 0),
    Village("Jaurès", 47.3085, 5.0270, 0),
    Village("Bourroches", 47.3050, 5.0235, 0),
    Village("Carraz", 47.3010, 5.0200, 0),
    Village("Échangeur de Bierre", 47.4200, 4.2870, 0),
    Village("Échangeur de Pouilly", 47.2555, 4.5440, 0),
    Village("Échangeur de Sombernon", 47.3015, 4.7080, 0),
    Village("Échangeur de Pont-de-Pany", 47.2960, 4.8010, 0),
    Village("Échangeur de Velars", 47.3250, 4.9150, 0),
    Village("Échangeur de Talant", 47.3335, 4.9950, 0),
)


class Road(NamedTuple):
    """A road through several places, with the kilometres from one to the next (None: nearly straight)."""

    ref: str
    highway: str
    places: tuple[str, ...]
    km: tuple[float | None, ...]


def _road(ref: str, highway: str, *stretches: str | float | None) -> Road:
    return Road(ref, highway, stretches[::2], stretches[1::2])  # type: ignore[arg-type]


# fmt: off
ROADS = (
    _road("D 905", "primary", "Dijon", 7.0, "Plombières-lès-Dijon", 5.6, "Velars-sur-Ouche", 4.2,
        "Fleurey-sur-Ouche", 4.2, "Pont-de-Pany", 9.2, "Sombernon", 6.9, "Saint-Mesmin", 11.1, "Vitteaux", 3.0,
        "Posanges", 6.0, "Brain", 6.3, "Pouillenay", 4.6, "Venarey-les-Laumes", 4.9, "Grignon", 4.2,
        "Courcelles-lès-Montbard", 2.4, "Nogent-lès-Montbard", 3.4, "Montbard", 6.4, "Buffon", 5.0,
        "Aisy-sur-Armançon", 8.2, "Nuits", 13.4, "Lézinnes", 12.4, "Tonnerre"),
    _road("D 980", "secondary", "Montbard", 5.2, "Montigny-Montfort", 4.5, "Champ-d'Oiseau", 8.8, "Semur-en-Auxois",
        5.1, "Courcelles-lès-Semur", 3.8, "Bierre-lès-Semur", 4.9, "Précy-sous-Thil", 7.6, "Montlay-en-Auxois", 7.6,
        "Saulieu"),
    _road("D 954", "secondary", "Venarey-les-Laumes", 3.1, "Mussy-la-Fosse", 3.2, "Massingy-lès-Semur", 2.7,
        "Villars-et-Villenotte", 4.5, "Semur-en-Auxois", 7.6, "Torcy-et-Pouligny", 5.6, "Époisses", 4.1, "Toutry"),
    _road("D 970", "secondary", "Semur-en-Auxois", 8.4, "Villeneuve-sous-Charigny", 10.3, "Saint-Thibault", 6.2,
        "Gissey-le-Vieil", 9.0, "Pouilly-en-Auxois"),
    _road("D 9", "tertiary", "Semur-en-Auxois", 11.0, "Marigny-le-Cahouët", 7.3, "Posanges"),
    _road("D 10", "tertiary", "Semur-en-Auxois", 3.4, "Pont-et-Massène", 5.6, "Villeneuve-sous-Charigny"),
    _road("D 29", "tertiary", "Pouillenay", 5.9, "Flavigny-sur-Ozerain", 5.4, "Alise-Sainte-Reine", 3.1,
        "Venarey-les-Laumes"),
    _road("D 6", "tertiary", "Alise-Sainte-Reine", 6.8, "Darcey", 7.7, "Thenissey", 8.6, "Verrey-sous-Salmaise",
        11.0, "Blaisy-Bas", 9.4, "Sombernon"),
    _road("D 117", "tertiary", "Flavigny-sur-Ozerain", 15.6, "Vitteaux"),
    _road("D 4", "tertiary", "Époisses", 6.2, "Corsaint", 2.3, "Moutiers-Saint-Jean", 3.3, "Athie", 2.8, "Senailly",
        5.6, "Crépand", 3.3, "Montbard"),
    _road("D 103", "tertiary", "Semur-en-Auxois", 6.0, "Genay", 4.3, "Viserny", 2.4, "Athie"),
    _road("D 36", "tertiary", "Époisses", 6.3, "Montberthault", 7.4, "Rouvray"),
    _road("D 906", "primary", "Rouvray", 7.8, "La Roche-en-Brenil", 13.3, "Saulieu"),
    _road("D 26", "tertiary", "La Roche-en-Brenil", 6.7, "Dompierre-en-Morvan", 6.9, "Précy-sous-Thil", 4.6,
        "Nan-sous-Thil", 5.7, "Clamerey", 4.8, "Saint-Thibault", 6.9, "Vitteaux"),
    _road("D 977bis", "secondary", "Saulieu", 10.0, "Thoisy-la-Berchère", 11.9, "Chailly-sur-Armançon", 7.0,
        "Pouilly-en-Auxois", 3.7, "Créancey", 4.6, "Commarin", 9.0, "Sombernon"),
    _road("D 108", "tertiary", "Pouilly-en-Auxois", 8.4, "Soussey-sur-Brionne", 9.2, "Vitteaux"),
    _road("D 33", "unclassified", "Pont-de-Pany", 4.3, "Mâlain", 7.9, "Blaisy-Bas"),
    _road("D 11", "unclassified", "Saint-Mesmin", 12.6, "Verrey-sous-Salmaise"),
    _road("D 70", "unclassified", "Bierre-lès-Semur", 1.1, "Échangeur de Bierre"),
    _road("D 981", "tertiary", "Pouilly-en-Auxois", 1.7, "Échangeur de Pouilly"),
    _road("D 905a", "tertiary", "Sombernon", 1.1, "Échangeur de Sombernon"),
    _road("D 905b", "tertiary", "Pont-de-Pany", 1.1, "Échangeur de Pont-de-Pany"),
    _road("D 10b", "tertiary", "Velars-sur-Ouche", 0.9, "Échangeur de Velars"),
    _road("D 107", "secondary", "Talant", None, "Échangeur de Talant", None, "Plombières-lès-Dijon"),
    _road("", "secondary", "Dijon", None, "Talant", None, "Fontaine-lès-Dijon", None, "Nation"),
    _road("", "secondary", "Dijon", None, "Poincaré", None, "Trimolet", None, "Parc des Sports", None,
        "CHU Hôpitaux", None, "Erasme", None, "Université", None, "Mazen Sully", None, "Piscine Olympique", None,
        "Cap Vert", None, "Quetigny"),
    _road("", "secondary", "Dijon", None, "Drapeau", None, "Nation", None, "Europe", None, "Toison d'Or", None,
        "Valmy"),
    _road("", "secondary", "Dijon", None, "Monge", None, "Jaurès", None, "Bourroches", None, "Carraz", None,
        "Chenôve"),
    _road("", "cycleway", "Montbard", None, "Courcelles-lès-Montbard", None, "Venarey-les-Laumes", None,
        "Pouillenay", None, "Marigny-le-Cahouët"),
    _road("", "path", "Flavigny-sur-Ozerain", None, "Alise-Sainte-Reine"),
    _road("", "track", "Semur-en-Auxois", None, "Massingy-lès-Semur"),
    _road("", "track", "Posanges", None, "Marigny-le-Cahouët"),
)
# fmt: on

DISTANCES = (
    ("Semur-en-Auxois", "Montbard", 18.5),
    ("Semur-en-Auxois", "Venarey-les-Laumes", 13.5),
    ("Semur-en-Auxois", "Époisses", 13.0),
    ("Semur-en-Auxois", "Précy-sous-Thil", 14.0),
    ("Semur-en-Auxois", "Saulieu", 29.0),
    ("Semur-en-Auxois", "Vitteaux", 21.5),
    ("Semur-en-Auxois", "Pouilly-en-Auxois", 34.0),
    ("Semur-en-Auxois", "Moutiers-Saint-Jean", 16.0),
    ("Montbard", "Venarey-les-Laumes", 15.0),
    ("Montbard", "Moutiers-Saint-Jean", 15.0),
    ("Venarey-les-Laumes", "Alise-Sainte-Reine", 3.0),
    ("Venarey-les-Laumes", "Vitteaux", 20.0),
    ("Venarey-les-Laumes", "Flavigny-sur-Ozerain", 9.0),
    ("Vitteaux", "Sombernon", 18.0),
    ("Vitteaux", "Pouilly-en-Auxois", 17.5),
    ("Sombernon", "Dijon", 30.0),
    ("Saulieu", "Rouvray", 21.0),
    ("Saulieu", "Pouilly-en-Auxois", 29.0),
    ("Saulieu", "La Roche-en-Brenil", 13.5),
    ("Époisses", "Rouvray", 14.0),
)
"""Kilometres by ordinary roads, as route planners and road signs have them."""

# fmt: off
MOTORWAYS = (
    ("A 6", "Autoroute du Soleil", 130, ((47.4990, 4.0050), (47.4720, 4.0560), (47.4450, 4.1150), (47.4330, 4.1900),
        (47.4280, 4.2450), (47.4185, 4.2890), (47.3960, 4.3390), (47.3560, 4.3890), (47.3180, 4.4420), (47.2850,
        4.4970), (47.2545, 4.5420), (47.2300, 4.5730), (47.2050, 4.6150)), ("Échangeur de Bierre",
        "Échangeur de Pouilly")),
    ("A 38", "", 110, ((47.2545, 4.5420), (47.2640, 4.5900), (47.2700, 4.6400), (47.2900, 4.6850), (47.3005,
        4.7070), (47.2990, 4.7450), (47.2945, 4.8010), (47.3060, 4.8480), (47.3210, 4.8900), (47.3265, 4.9150),
        (47.3420, 4.9500), (47.3350, 4.9940)), ("Échangeur de Sombernon", "Échangeur de Pont-de-Pany",
        "Échangeur de Velars", "Échangeur de Talant")),
)
# fmt: on
"""Ref, name, km/h, course (lat, lon), junctions."""

STATIONS = (
    ("Dijon-Ville", 47.3233, 5.0272),
    ("Plombières-Canal", 47.3365, 4.9680),
    ("Velars", 47.3265, 4.9275),
    ("Mâlain", 47.3272, 4.8092),
    ("Blaisy-Bas", 47.3740, 4.7415),
    ("Verrey", 47.4388, 4.6695),
    ("Les Laumes-Alésia", 47.5431, 4.4626),
    ("Montbard", 47.6187, 4.3362),
    ("Nuits-sous-Ravières", 47.7291, 4.2125),
    ("Tonnerre", 47.8592, 3.9737),
)

# fmt: off
RAILWAY = (
    (47.3233, 5.0272),
    (47.3330, 5.0020),
    (47.3365, 4.9680),
    (47.3315, 4.9420),
    (47.3265, 4.9275), (47.3215, 4.9080),
    (47.3200, 4.8700),
    (47.3240, 4.8350),
    (47.3272, 4.8092), (47.3370, 4.7890),
    (47.3510, 4.7750),
    (47.3740, 4.7415),
    (47.4040, 4.7170),
    (47.4388, 4.6695),
    (47.4680, 4.6480),
    (47.4955, 4.6220),
    (47.5230, 4.5850),
    (47.5440, 4.5500),
    (47.5440, 4.5050),
    (47.5431, 4.4626),
    (47.5600, 4.4230),
    (47.5900, 4.3900),
    (47.6100, 4.3550),
    (47.6187, 4.3362),
    (47.6380, 4.3000),
    (47.6560, 4.2700),
    (47.6640, 4.2220),
    (47.7000, 4.2150),
    (47.7291, 4.2125),
    (47.7600, 4.1500),
    (47.7970, 4.0870),
    (47.8300, 4.0200),
    (47.8592, 3.9737),
)
# fmt: on
"""The line from Dijon towards Paris."""

# fmt: off
RIVERS = (
    ("river", "Armançon", ((47.2640, 4.4650), (47.3000, 4.4980), (47.3350, 4.4850), (47.3720, 4.4650), (47.4050,
        4.4300), (47.4350, 4.3950), (47.4610, 4.3560), (47.4770, 4.3480), (47.4825, 4.3410), (47.4842, 4.3330),
        (47.4868, 4.3262), (47.4925, 4.3240), (47.4985, 4.3260), (47.5080, 4.3150), (47.5270, 4.2960), (47.5560,
        4.2790), (47.5850, 4.2640), (47.6180, 4.2480), (47.6560, 4.2540), (47.6880, 4.2250), (47.7280, 4.2080),
        (47.7980, 4.0900), (47.8580, 3.9700))),
    ("river", "Brenne", ((47.3120, 4.6900), (47.3480, 4.6430), (47.3970, 4.5460), (47.4200, 4.5250), (47.4650,
        4.5020), (47.5080, 4.4760), (47.5400, 4.4530), (47.5830, 4.4000), (47.6170, 4.3480), (47.6320, 4.3200),
        (47.6570, 4.2700), (47.6560, 4.2540))),
    ("river", "Serein", ((47.2850, 4.3450), (47.3350, 4.3200), (47.3850, 4.3030), (47.4150, 4.2500), (47.4550,
        4.1900), (47.4980, 4.1280), (47.5300, 4.0950))),
    ("river", "Ouche", ((47.2560, 4.7800), (47.2950, 4.8100), (47.3120, 4.8600), (47.3220, 4.9060), (47.3370,
        4.9640), (47.3290, 4.9950), (47.3150, 5.0180), (47.3060, 5.0400), (47.2960, 5.0700))),
    ("canal", "Canal de Bourgogne", ((47.3140, 5.0290), (47.3300, 4.9920), (47.3395, 4.9620), (47.3230, 4.9050),
        (47.3130, 4.8580), (47.2970, 4.8070), (47.2550, 4.7700), (47.2250, 4.7000), (47.2230, 4.6300), (47.2500,
        4.5920), (47.2650, 4.5620), (47.3050, 4.5050), (47.3400, 4.4900), (47.3700, 4.4780), (47.4200, 4.4650),
        (47.4600, 4.4600), (47.5050, 4.4680), (47.5390, 4.4570), (47.5800, 4.4080), (47.6190, 4.3420), (47.6550,
        4.2750), (47.7270, 4.2120))),
)
# fmt: on

# fmt: off
LAKES = (
    ("Lac de Pont", ((47.4700, 4.3570), (47.4660, 4.3610), (47.4590, 4.3640), (47.4530, 4.3730), (47.4500, 4.3860),
        (47.4490, 4.3850), (47.4510, 4.3710), (47.4580, 4.3590), (47.4660, 4.3540))),
    ("Lac Kir", ((47.3330, 4.9830), (47.3320, 4.9950), (47.3290, 5.0020), (47.3265, 5.0030), (47.3280, 4.9940),
        (47.3305, 4.9840))),
    ("Réservoir de Grosbois", ((47.3290, 4.6000), (47.3250, 4.6090), (47.3180, 4.6080), (47.3220, 4.5990))),
    ("Réservoir de Panthier", ((47.2420, 4.6230), (47.2390, 4.6400), (47.2330, 4.6360), (47.2350, 4.6230))),
)
# fmt: on

WOODS = (
    ("Forêt du Grand Jailly", 47.6750, 4.4250, 3600),
    ("Forêt de Saulieu", 47.2900, 4.1850, 2200),
    ("Bois de Thil", 47.3780, 4.3330, 900),
    ("Forêt de Saint-Loup", 47.4080, 4.1700, 1500),
    ("Bois de Flavigny", 47.4960, 4.5480, 1400),
    ("Forêt de Plombières", 47.3550, 4.9450, 2300),
    ("Combe à la Serpent", 47.3130, 4.9750, 1300),
    ("Bois de Mâlain", 47.3480, 4.8150, 1800),
    ("Bois de Rochefort", 47.5400, 4.3250, 1000),
    ("Forêt de Chevigny", 47.4830, 4.2830, 1200),
)
"""Name, lat, lon, metres from the middle to the edge."""

# fmt: off
POINTS = (
    ("Semur-en-Auxois", 40, 20, "Mairie de Semur-en-Auxois", {"amenity": "townhall"}),
    ("Semur-en-Auxois", -60, 70, "Collégiale Notre-Dame", {"amenity": "place_of_worship", "religion": "christian"}),
    ("Semur-en-Auxois", -280, -60, "Tour de l'Orle d'Or", {"historic": "castle", "tourism": "attraction"}),
    ("Semur-en-Auxois", 330, 310, "Centre hospitalier de la Haute Côte-d'Or", {"amenity": "hospital", "emergency":
        "yes"}),
    ("Semur-en-Auxois", 420, -120, "Collège Christiane-Perceret", {"amenity": "school"}),
    ("Semur-en-Auxois", 440, 90, "Lycée Anna-Judic", {"amenity": "school"}),
    ("Semur-en-Auxois", 90, -40, "Pharmacie de la place Gaveau", {"amenity": "pharmacy"}),
    ("Semur-en-Auxois", 60, -90, "Marché de Semur", {"amenity": "marketplace", "opening_hours":
        "Th,Su 08:00-12:30"}),
    ("Semur-en-Auxois", 470, 320, "Supermarché de l'Auxois", {"shop": "supermarket"}),
    ("Semur-en-Auxois", -20, 110, "Bibliothèque et musée municipal", {"tourism": "museum"}),
    ("Semur-en-Auxois", 120, 120, "La Poste", {"amenity": "post_office"}),
    ("Semur-en-Auxois", 500, 20, "Aire de covoiturage de Semur", {"amenity": "parking", "carpool": "designated",
        "capacity": "40"}),
    ("Montbard", 0, 30, "Mairie de Montbard", {"amenity": "townhall"}),
    ("Montbard", -120, 120, "Musée et parc Buffon", {"tourism": "museum"}),
    ("Montbard", 260, 180, "Hôpital de Montbard", {"amenity": "hospital"}),
    ("Montbard", -260, 240, "Collège Pasteur", {"amenity": "school"}),
    ("Montbard", -60, -60, "Pharmacie du Centre", {"amenity": "pharmacy"}),
    ("Montbard", 60, -90, "Marché de Montbard", {"amenity": "marketplace", "opening_hours": "Fr 08:00-12:30"}),
    ("Montbard", 30, -330, "Aire de covoiturage de la gare", {"amenity": "parking", "carpool": "designated",
        "capacity": "60"}),
    ("Montbard", 180, -150, "Supermarché de la Brenne", {"shop": "supermarket"}),
    ("Montbard", 20, -400, "Vélos de la gare", {"amenity": "bicycle_parking", "capacity": "24", "covered": "yes"}),
    ("Venarey-les-Laumes", 20, 30, "Mairie de Venarey-les-Laumes", {"amenity": "townhall"}),
    ("Venarey-les-Laumes", -180, 60, "Collège Alésia", {"amenity": "school"}),
    ("Venarey-les-Laumes", 60, -60, "Pharmacie des Laumes", {"amenity": "pharmacy"}),
    ("Venarey-les-Laumes", -60, -120, "Marché des Laumes", {"amenity": "marketplace", "opening_hours":
        "We 08:00-12:30"}),
    ("Venarey-les-Laumes", 220, -80, "Parking de la gare", {"amenity": "parking", "park_ride": "yes", "capacity":
        "50"}),
    ("Alise-Sainte-Reine", -120, 40, "MuséoParc Alésia", {"tourism": "museum"}),
    ("Alise-Sainte-Reine", 40, 30, "Mairie d'Alise-Sainte-Reine", {"amenity": "townhall"}),
    ("Alise-Sainte-Reine", 90, 20, "Hôpital Sainte-Reine", {"amenity": "hospital"}),
    ("Flavigny-sur-Ozerain", 30, -30, "Abbaye de Flavigny", {"tourism": "attraction"}),
    ("Flavigny-sur-Ozerain", -30, 20, "Mairie de Flavigny-sur-Ozerain", {"amenity": "townhall"}),
    ("Saulieu", 20, 40, "Basilique Saint-Andoche", {"amenity": "place_of_worship", "religion": "christian"}),
    ("Saulieu", 60, -30, "Mairie de Saulieu", {"amenity": "townhall"}),
    ("Saulieu", -150, 150, "Collège François-Pompon", {"amenity": "school"}),
    ("Saulieu", 120, 100, "Hôpital de Saulieu", {"amenity": "hospital"}),
    ("Saulieu", -40, -60, "Pharmacie Saint-Andoche", {"amenity": "pharmacy"}),
    ("Saulieu", 40, 120, "Marché de Saulieu", {"amenity": "marketplace", "opening_hours": "Th,Sa 08:00-12:30"}),
    ("Vitteaux", 20, 20, "Mairie de Vitteaux", {"amenity": "townhall"}),
    ("Vitteaux", -60, 40, "Halles de Vitteaux", {"amenity": "marketplace", "opening_hours": "Th 08:00-12:30"}),
    ("Vitteaux", 120, -60, "Collège Docteur-Kuhn", {"amenity": "school"}),
    ("Vitteaux", 160, 90, "Hôpital de Vitteaux", {"amenity": "hospital"}),
    ("Vitteaux", 40, -40, "Pharmacie de Vitteaux", {"amenity": "pharmacy"}),
    ("Pouilly-en-Auxois", 20, 30, "Mairie de Pouilly-en-Auxois", {"amenity": "townhall"}),
    ("Pouilly-en-Auxois", -90, 60, "Collège Claude-Guyot", {"amenity": "school"}),
    ("Pouilly-en-Auxois", 60, -30, "Pharmacie du Canal", {"amenity": "pharmacy"}),
    ("Pouilly-en-Auxois", -160, -120, "Aire de covoiturage de Pouilly", {"amenity": "parking", "carpool":
        "designated", "capacity": "80"}),
    ("Précy-sous-Thil", 20, 20, "Mairie de Précy-sous-Thil", {"amenity": "townhall"}),
    ("Précy-sous-Thil", -80, 40, "Collège Émile-Lepitre", {"amenity": "school"}),
    ("Précy-sous-Thil", 40, -30, "Pharmacie du Serein", {"amenity": "pharmacy"}),
    ("Bierre-lès-Semur", -60, -40, "Aire de covoiturage de Bierre", {"amenity": "parking", "carpool": "designated",
        "capacity": "30"}),
    ("Époisses", 20, 20, "Mairie d'Époisses", {"amenity": "townhall"}),
    ("Époisses", -90, -60, "Château d'Époisses", {"historic": "castle", "tourism": "attraction"}),
    ("Époisses", 60, 40, "Fromagerie d'Époisses", {"shop": "cheese"}),
    ("Époisses", 30, -40, "Pharmacie d'Époisses", {"amenity": "pharmacy"}),
    ("Moutiers-Saint-Jean", 30, 30, "Mairie de Moutiers-Saint-Jean", {"amenity": "townhall"}),
    ("Rouvray", 30, 20, "Mairie de Rouvray", {"amenity": "townhall"}),
    ("La Roche-en-Brenil", 30, 20, "Mairie de La Roche-en-Brenil", {"amenity": "townhall"}),
    ("Sombernon", 20, 20, "Mairie de Sombernon", {"amenity": "townhall"}),
    ("Sombernon", -60, 40, "Collège Jacques-Mercusot", {"amenity": "school"}),
    ("Sombernon", 50, -90, "Aire de covoiturage de Sombernon", {"amenity": "parking", "carpool": "designated",
        "capacity": "45"}),
    ("Dijon", 90, 60, "Hôtel de ville de Dijon", {"amenity": "townhall"}),
    ("Dijon", 60, -30, "Palais des ducs et musée des Beaux-Arts", {"tourism": "museum"}),
    ("Dijon", -80, 260, "Halles de Dijon", {"amenity": "marketplace", "opening_hours": "Tu,Fr,Sa 07:00-13:00"}),
    ("Dijon", -540, 200, "Place Darcy", {"leisure": "park"}),
    ("Dijon", -160, -120, "Cathédrale Saint-Bénigne", {"amenity": "place_of_worship", "religion": "christian"}),
    ("Dijon", 200, 480, "Préfecture de la Côte-d'Or", {"office": "government"}),
    ("Dijon", 880, 700, "Auditorium de Dijon", {"amenity": "theatre"}),
    ("CHU Hôpitaux", 90, 30, "CHU Dijon Bourgogne", {"amenity": "hospital", "emergency": "yes"}),
    ("Université", 80, 40, "Université de Bourgogne", {"amenity": "university"}),
    ("Toison d'Or", 60, 60, "Centre commercial de la Toison d'Or", {"shop": "mall"}),
)
# fmt: on

FOUR_WAYS = (
    ("Semur-en-Auxois", "no_left_turn"),
    ("Montbard", "no_left_turn"),
    ("Saulieu", "no_right_turn"),
    ("Pouilly-en-Auxois", "no_left_turn"),
    ("Dijon", "no_left_turn"),
    ("Dijon", "no_u_turn"),
)
"""Towns whose main crossing forbids a turn."""

PEDESTRIAN = frozenset({"Rue Buffon", "Rue de la Liberté", "Rue Musette", "Rue du Marché"})
"""Streets that are walked, in the towns where they are not the main street."""

ONE_WAY = frozenset(
    {
        "Rue Devosge",
        "Rue Amiral-Roussin",
        "Rue Verrerie",
        "Rue Jeannin",
        "Rue Collenot",
        "Rue Févret",
        "Rue Carnot",
        "Rue Daubenton",
    }
)
"""Streets driven one way; bicycles both."""

ADDRESSED = ("Semur-en-Auxois", "Montbard")
"""Towns whose houses have numbers here."""

BUILT = ("Semur-en-Auxois",)
"""Of these, the towns whose houses are drawn; elsewhere a number is a point."""
