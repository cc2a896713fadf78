"""What is published, as catalogues read it: DCAT-AP 3 and mobilityDCAT-AP, as Turtle and JSON-LD.

References
----------
DCAT-AP 3.0.1; mobilityDCAT-AP 1.0.1 (namespace ``http:``) and 1.1.0 (``https:``): both are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, OWL, RDFS, SKOS, XSD

from mobigo.opendata.licences import list_licences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rdflib.term import Node

    from mobigo.opendata.making import Publisher
    from mobigo.opendata.model import Piece, Standing, Text, Version

VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
LOCN = Namespace("http://www.w3.org/ns/locn#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
ADMS = Namespace("http://www.w3.org/ns/adms#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
DQV = Namespace("http://www.w3.org/ns/dqv#")
OA = Namespace("http://www.w3.org/ns/oa#")
MOBILITY = (Namespace("http://w3id.org/mobilitydcat-ap#"), Namespace("https://w3id.org/mobilitydcat-ap#"))
WORDS = Namespace("https://w3id.org/mobilitydcat-ap/")
EUROPE = Namespace("http://publications.europa.eu/resource/authority/")
WGS84 = URIRef("http://www.opengis.net/def/crs/EPSG/0/4326")
REGULATIONS = (
    URIRef("http://data.europa.eu/eli/reg_del/2017/1926/oj"),
    URIRef("http://data.europa.eu/eli/reg_impl/2023/138/oj"),
)
"""Multimodal travel information; high-value data sets."""
HIGH_VALUE = URIRef("http://data.europa.eu/bna/c_b79e35eb")
"""Category of high-value data sets: mobility."""
REGIONAL = URIRef("http://purl.org/adms/publishertype/RegionalAuthority")
DEPARTMENTS = ("FRC1", "FRC2")
"""Nomenclature of territorial units: Bourgogne, Franche-Comté."""

SPACES = {"dct": str(DCTERMS), "dcat": str(DCAT), "foaf": str(FOAF)}
"""Of the predicates that `Catalogue._add` is told by keyword."""

THEMES = {
    "timetable": "public-transport-scheduled-transport",
    "realtime": "public-transport-scheduled-transport",
    "fares": "public-transport-scheduled-transport",
    "ondemand": "public-transport-non-scheduled-transport",
    "school": "public-transport-scheduled-transport",
    "carpool": "sharing-and-hiring-services",
    "places": "parking-service-and-rest-area-information",
    "usage": "other",
}
"""Of mobilityDCAT-AP, by ours."""
STANDARDS = {"GTFS": "gtfs", "GTFS-RT": "gtfs-rt", "NeTEx": "netex", "SIRI": "siri", "GBFS": "gbfs"}
"""Likewise, by format."""
FILE_TYPES = {
    "GTFS": "GTFS", "NeTEx": "NETEX", "CSV": "CSV", "GeoJSON": "GEOJSON", "JSON": "JSON", "Parquet": "PARQUET",
    "XML": "XML", "GTFS-RT": "BIN", "SIRI": "XML", "GBFS": "JSON",
}  # fmt: skip
"""Of the European authority table, by format."""
FREQUENCIES = {"P1D": "DAILY", "P1M": "MONTHLY", "PT30S": "UPDATE_CONT", "P1Y": "ANNUAL"}


class Catalogue:
    """The graph of what is published.

    Parameters
    ----------
    publisher : Publisher
        Who publishes; its `url` begins every address.
    standings : sequence of Standing
        Data sets; those without a version in place are left out.
    """

    def __init__(self, publisher: Publisher, standings: Sequence[Standing]) -> None:
        self._graph = Graph()
        self._base = publisher.url
        self._publisher = publisher
        for prefix, space in {
            "dcat": DCAT, "dct": DCTERMS, "foaf": FOAF, "vcard": VCARD, "locn": LOCN, "spdx": SPDX, "dcatap": DCATAP,
            "dqv": DQV, "oa": OA, "mobilitydcatap": MOBILITY[0], "mobilitydcatap11": MOBILITY[1],
        }.items():  # fmt: skip
            self._graph.bind(prefix, space)
        self._agent = URIRef(f"{self._base}#publisher")
        self._write_agent()
        self._write_catalogue([one for one in standings if one.current])

    def write(self, form: str) -> str:
        """Write it as ``turtle`` or ``json-ld``; the same content in the same order."""
        return self._graph.serialize(format=form, indent=1, sort_keys=True) if form == "json-ld" else self._turtle()

    def _turtle(self) -> str:
        return self._graph.serialize(format="turtle")

    def _add(self, subject: Node, **said: Node | Sequence[Node]) -> None:
        for name, value in said.items():
            space, _, word = name.partition("_")
            predicate = URIRef(SPACES[space] + word)
            for one in value if isinstance(value, (list, tuple)) else (value,):
                self._graph.add((subject, predicate, one))

    def _say(self, subject: Node, predicate: URIRef, text: Text) -> None:
        for language, said in text.items():
            self._graph.add((subject, predicate, Literal(said, lang=language)))

    def _mobility(self, subject: Node, word: str, value: URIRef) -> None:
        for space in MOBILITY:
            self._graph.add((subject, space[word], value))

    def _concept(self, uri: URIRef, label: str) -> URIRef:
        """Name a word of a controlled vocabulary, as shapes ask that it be told what it is."""
        self._graph.add((uri, RDF.type, SKOS.Concept))
        self._graph.add((uri, SKOS.prefLabel, Literal(label, lang="en")))
        return uri

    def _write_agent(self) -> None:
        self._graph.add((self._agent, RDF.type, FOAF.Agent))
        self._add(
            self._agent,
            foaf_name=Literal(self._publisher.name, lang=self._publisher.language),
            dct_type=self._concept(
                URIRef("http://purl.org/adms/publishertype/RegionalAuthority"), "Regional authority"
            ),
        )

    def _contact(self) -> URIRef:
        uri = URIRef(f"{self._base}#contact")
        self._graph.add((uri, RDF.type, VCARD.Kind))
        self._graph.add((uri, RDF.type, VCARD.Organization))
        self._graph.add((uri, VCARD.fn, Literal(self._publisher.name)))
        mail = URIRef(f"mailto:{self._publisher.email or 'opendata@localhost'}")
        self._thing(mail)
        self._graph.add((uri, VCARD.hasEmail, mail))
        page = URIRef(self._base)
        self._thing(page)
        self._graph.add((uri, VCARD.hasURL, page))
        return uri

    def _thing(self, uri: URIRef) -> None:
        for kind in (OWL.Thing, RDFS.Resource):
            self._graph.add((uri, RDF.type, kind))

    def _write_catalogue(self, standings: Sequence[Standing]) -> None:
        catalogue = URIRef(f"{self._base}/catalog")
        self._graph.add((catalogue, RDF.type, DCAT.Catalog))
        self._say(
            catalogue,
            DCTERMS.title,
            {"fr": "Données ouvertes de mobilité", "en": "Open mobility data"},
        )
        self._say(
            catalogue,
            DCTERMS.description,
            {
                "fr": "Toutes les données de mobilité que la Région publie, chaque version à son adresse permanente.",
                "en": "All mobility data that the Region publishes, each version at its permanent address.",
            },
        )
        home = URIRef(self._base)
        self._graph.add((home, RDF.type, FOAF.Document))
        languages = [self._language("FRA", "French"), self._language("ENG", "English")]
        self._add(
            catalogue,
            dct_publisher=self._agent,
            foaf_homepage=home,
            dct_language=languages,
            dct_license=self._licence("etalab-2.0"),
            dct_spatial=self._places(),
            dcat_themeTaxonomy=self._scheme(EUROPE["data-theme"], "Data themes"),
        )
        if standings:
            newest = max(one.current.made_at for one in standings if one.current)
            oldest = min(one.current.made_at for one in standings if one.current)
            self._add(catalogue, dct_modified=_instant(newest), dct_issued=_instant(oldest))
        for one in standings:
            assert one.current is not None
            dataset = self._write_dataset(one, one.current)
            self._add(catalogue, dcat_dataset=dataset, dcat_record=self._record(one, dataset, one.current))

    def _record(self, standing: Standing, dataset: URIRef, version: Version) -> URIRef:
        record = URIRef(f"{dataset}#record")
        self._graph.add((record, RDF.type, DCAT.CatalogRecord))
        self._add(
            record,
            dct_created=_instant(version.made_at),
            dct_modified=_instant(standing.checked_at),
            dct_language=self._language("FRA", "French"),
            dct_publisher=self._agent,
            foaf_primaryTopic=dataset,
        )
        return record

    def _write_dataset(self, standing: Standing, version: Version) -> URIRef:
        dataset = URIRef(f"{self._base}/{standing.dataset.id}")
        said, one = version.said, standing.dataset
        self._graph.add((dataset, RDF.type, DCAT.Dataset))
        self._graph.add((dataset, RDF.type, DCAT.Resource))
        self._say(dataset, DCTERMS.title, one.title)
        self._say(dataset, DCTERMS.description, one.about)
        self._mobility(dataset, "mobilityTheme", self._word(f"mobility-theme/{THEMES[one.theme]}"))
        self._mobility(dataset, "georeferencingMethod", self._word("georeferencing-method/geocoordinates"))
        self._add(
            dataset,
            dct_identifier=Literal(f"{self._base}/{one.id}"),
            dct_publisher=self._agent,
            dct_rightsHolder=self._agent,
            dct_issued=_instant(version.made_at),
            dct_modified=_instant(version.made_at),
            dct_conformsTo=self._reference(),
            dct_spatial=self._box(said.extent, dataset) if said.extent else self._places(),
            dct_accrualPeriodicity=self._frequency(one.period),
            dct_accessRights=self._rights(EUROPE["access-right/PUBLIC"]),
            dct_language=self._language("FRA", "French"),
            dcat_theme=self._concept(EUROPE["data-theme/TRAN"], "Transport"),
            dcat_contactPoint=self._contact(),
            dcat_version=Literal(str(version.number)),
            dcat_landingPage=self._document(dataset),
            dcat_keyword=[Literal(word, lang="fr") for word in ("transport", "mobilité", one.theme)],
        )
        for law in REGULATIONS:
            self._graph.add((law, RDF.type, URIRef("http://data.europa.eu/eli/ontology#LegalResource")))
            self._graph.add((dataset, DCATAP.applicableLegislation, law))
        self._concept(HIGH_VALUE, "Mobility")
        self._graph.add((dataset, DCATAP.hvdCategory, HIGH_VALUE))
        if said.first_day and said.last_day:
            period = URIRef(f"{dataset}#period")
            self._graph.add((period, RDF.type, DCTERMS.PeriodOfTime))
            self._add(
                period,
                dcat_startDate=Literal(said.first_day.isoformat(), datatype=XSD.date),
                dcat_endDate=Literal(said.last_day.isoformat(), datatype=XSD.date),
            )
            self._add(dataset, dct_temporal=period)
        for piece in version.pieces:
            self._add(dataset, dcat_distribution=self._write_distribution(standing, version, piece))
        return dataset

    def _write_distribution(self, standing: Standing, version: Version, piece: Piece) -> URIRef:
        uri = URIRef(f"{self._base}/{standing.dataset.id}/{piece.name}")
        node = URIRef(f"{uri}#distribution")
        self._graph.add((node, RDF.type, DCAT.Distribution))
        standard = STANDARDS.get(piece.format, "other")
        self._mobility(node, "mobilityDataStandard", self._word(f"mobility-data-standard/{standard}"))
        self._mobility(node, "applicationLayerProtocol", self._word("application-layer-protocol/http-https"))
        self._mobility(node, "communicationMethod", self._word("communication-method/pull"))
        if piece.sha256:
            checksum = URIRef(f"{uri}#checksum")
            self._graph.add((checksum, RDF.type, SPDX.Checksum))
            self._graph.add((checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256))
            self._graph.add((SPDX.checksumAlgorithm_sha256, RDF.type, SPDX.ChecksumAlgorithm))
            self._graph.add((checksum, SPDX.checksumValue, Literal(piece.sha256, datatype=XSD.hexBinary)))
            self._graph.add((node, SPDX.checksum, checksum))
            self._add(node, dcat_byteSize=Literal(piece.size, datatype=XSD.nonNegativeInteger))
        for law in REGULATIONS:
            self._graph.add((node, DCATAP.applicableLegislation, law))
        available = self._concept(EUROPE["planned-availability/STABLE"], "Stable")
        self._graph.add((node, DCATAP.availability, available))
        title = {language: f"{said} - {piece.format}" for language, said in standing.dataset.title.items()}
        self._say(node, DCTERMS.title, title)
        self._say(node, DCTERMS.description, standing.dataset.about)
        self._graph.add((uri, RDF.type, RDFS.Resource))
        self._add(
            node,
            dcat_accessURL=uri,
            dcat_downloadURL=uri,
            dcat_mediaType=self._media(piece.media_type),
            dct_format=self._format(piece.format),
            dct_license=self._licence(version.said.licence),
            dct_rights=self._rights(WORDS["conditions-for-access-and-usage/licence-provided-free-of-charge"]),
            dct_modified=_instant(version.made_at),
            dct_issued=_instant(version.made_at),
        )
        if piece.standard:
            standard_uri = URIRef(piece.standard)
            self._graph.add((standard_uri, RDF.type, DCTERMS.Standard))
            self._add(node, dct_conformsTo=standard_uri)
        return node

    # ── what is said the same way everywhere ──────────────────────────────────────────────────────────────────────────

    def _word(self, path: str) -> URIRef:
        return self._concept(WORDS[path], path.rpartition("/")[2].replace("-", " "))

    def _scheme(self, uri: URIRef, title: str) -> URIRef:
        self._graph.add((uri, RDF.type, SKOS.ConceptScheme))
        self._add(uri, dct_title=Literal(title, lang="en"))
        return uri

    def _language(self, code: str, name: str) -> URIRef:
        uri = self._concept(EUROPE[f"language/{code}"], name)
        self._graph.add((uri, RDF.type, DCTERMS.LinguisticSystem))
        return uri

    def _places(self) -> list[URIRef]:
        return [self._place(URIRef(f"http://data.europa.eu/nuts/code/{code}")) for code in DEPARTMENTS]

    def _place(self, uri: URIRef) -> URIRef:
        self._graph.add((uri, RDF.type, DCTERMS.Location))
        return uri

    def _box(self, extent: tuple[float, float, float, float], dataset: URIRef) -> list[URIRef]:
        west, south, east, north = extent
        uri = self._place(URIRef(f"{dataset}#extent"))
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        ring = ", ".join(f"{lon:.5f} {lat:.5f}" for lon, lat in corners)
        text = Literal(f"POLYGON (({ring}))", datatype=URIRef("http://www.opengis.net/ont/geosparql#wktLiteral"))
        self._add(uri, dcat_bbox=text)
        return [uri, *self._places()]

    def _reference(self) -> URIRef:
        self._graph.add((WGS84, RDF.type, DCTERMS.Standard))
        return WGS84

    def _frequency(self, period: str) -> URIRef:
        word = FREQUENCIES.get(period, "IRREG")
        uri = self._concept(EUROPE[f"frequency/{word}"], word)
        self._graph.add((uri, RDF.type, DCTERMS.Frequency))
        return uri

    def _rights(self, kind: URIRef) -> URIRef:
        uri = URIRef(f"{self._base}#rights-{str(kind).rpartition('/')[2].lower()}")
        self._concept(kind, str(kind).rpartition("/")[2].replace("-", " "))
        if str(kind).endswith("PUBLIC"):
            self._graph.add((kind, RDF.type, DCTERMS.RightsStatement))
            self._graph.add((kind, DCTERMS.type, WORDS["conditions-for-access-and-usage/free-of-charge"]))
            return kind
        self._graph.add((uri, RDF.type, DCTERMS.RightsStatement))
        self._add(uri, dct_type=kind)
        return uri

    def _licence(self, id_: str) -> URIRef:
        licence = list_licences()[id_]
        uri = URIRef(licence.url or f"{self._base}#licence-{id_}")
        self._graph.add((uri, RDF.type, DCTERMS.LicenseDocument))
        self._say(uri, DCTERMS.title, licence.name)
        self._graph.add((uri, RDFS.label, Literal(licence.name["en"], lang="en")))
        return uri

    def _media(self, media_type: str) -> URIRef:
        uri = URIRef(f"http://www.iana.org/assignments/media-types/{media_type.partition(';')[0]}")
        self._graph.add((uri, RDF.type, DCTERMS.MediaType))
        return uri

    def _format(self, said: str) -> URIRef:
        uri = self._concept(EUROPE[f"file-type/{FILE_TYPES.get(said, 'OCTET')}"], said)
        self._graph.add((uri, RDF.type, DCTERMS.MediaTypeOrExtent))
        return uri

    def _document(self, uri: URIRef) -> URIRef:
        page = URIRef(f"{uri}/")
        self._graph.add((page, RDF.type, FOAF.Document))
        return page


def _instant(at: object) -> Literal:
    return Literal(at, datatype=XSD.dateTime)
