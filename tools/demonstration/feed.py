"""Write the demonstration's GTFS: times from the drawn roads, dates around a Monday that loading moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import networkx as nx
from shapely.geometry import LineString
from tools.demonstration import facts, lines
from tools.demonstration.streets import Map, Position, beside_street, metres, moved, road_graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIRST_DAY, LAST_DAY = lines.MONDAY - timedelta(weeks=4), lines.MONDAY + timedelta(weeks=30, days=6)
DWELL = 25
"""Seconds that a coach stands at a stop."""


@dataclass
class Feed:
    """The tables while they are written: name of the file, header, rows."""

    files: dict[str, list[str]] = field(default_factory=dict)

    def table(self, name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
        """Add a table."""
        self.files[name] = [header, *(",".join(_cell(value) for value in row) for row in rows)]


def _cell(value: object) -> str:
    text = value.strftime("%Y%m%d") if isinstance(value, date) else str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if "," in text or '"' in text else text


@dataclass
class Shapes:
    """Courses of vehicles, each written once."""

    rows: list[tuple[str, str, str, int, int]] = field(default_factory=list)
    known: dict[tuple[Position, ...], str] = field(default_factory=dict)

    def add(self, stretches: list[list[Position]]) -> tuple[str, list[int]]:
        """Add a course of stretches from stop to stop; return its id and the metres at each stop."""
        points, at, far = [stretches[0][0]], [0], 0.0
        dist = [0]
        for stretch in stretches:
            thin = list(LineString(stretch).simplify(0.00004).coords) if len(stretch) > 2 else stretch
            for a, b in pairwise(thin):
                far += metres(a, b)
                if round(far) > dist[-1]:
                    points.append(b)
                    dist.append(round(far))
            at.append(dist[-1])
        key = tuple(points)
        if key not in self.known:
            self.known[key] = f"shape{len(self.known) + 1}"
            self.rows += [
                (self.known[key], f"{lat:.5f}", f"{lon:.5f}", k, dist[k]) for k, (lon, lat) in enumerate(points)
            ]
        return self.known[key], at


@dataclass
class Network:
    """Stops on the map, and the ways between them."""

    drawn: Map
    position: dict[str, Position] = field(default_factory=dict)
    node: dict[str, int] = field(default_factory=dict)

    def place(self, stops: Iterable[lines.Stop]) -> None:
        """Put stops beside their streets."""
        for stop in stops:
            origin = self.drawn.nodes[self.drawn.centres[stop.place]]
            snap = beside_street(self.drawn, moved(origin, stop.east, stop.north), stop.name)
            self.position[stop.id], self.node[stop.id] = snap.position, snap.node

    def drive(self, stops: tuple[str, ...]) -> tuple[list[list[Position]], list[int]]:
        """Drive from stop to stop; return the course and the seconds at each stop."""
        graph = road_graph(self.drawn)
        stretches, seconds = [], [0]
        for a, b in pairwise(stops):
            path = nx.shortest_path(graph, self.node[a], self.node[b], weight="seconds")
            stretches.append([self.drawn.nodes[node] for node in path])
            seconds.append(seconds[-1] + DWELL + int(nx.path_weight(graph, path, "seconds")))
        return stretches, seconds


def clock(minutes: int) -> str:
    """Write minutes after service midnight as GTFS does."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def write_feed(drawn: Map) -> dict[str, str]:
    """Place the stops on the map (which gains their nodes) and return the files of the feed."""
    network = Network(drawn)
    network.place((*lines.COACH_STOPS, *lines.TRAM_STOPS))
    stations = {name: (lon, lat) for name, lat, lon in facts.STATIONS}
    for stop, (name, _) in lines.TRAIN_STOPS.items():
        network.position[stop] = stations[name]
    feed, shapes = Feed(), Shapes()
    _write_frame(feed)
    _write_stops(feed, network)
    _write_trips(feed, network, shapes)
    feed.table("shapes.txt", "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled", shapes.rows)
    _write_transfers(feed)
    _write_fares(feed)
    files = {name: "\n".join([*rows, ""]) for name, rows in feed.files.items()}
    files["locations.geojson"] = _zone()
    return dict(sorted(files.items()))


def _write_frame(feed: Feed) -> None:
    feed.table(
        "agency.txt",
        "agency_id,agency_name,agency_url,agency_timezone,agency_lang,agency_phone",
        [(id_, name, url, "Europe/Paris", "fr", phone) for id_, name, url, phone in lines.AGENCIES],
    )
    feed.table(
        "feed_info.txt",
        "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date,feed_version,feed_contact_url",
        [
            (
                "mobigo: données de démonstration, horaires inventés",
                "https://example.org/mobigo",
                "fr",
                FIRST_DAY,
                LAST_DAY,
                "demonstration",
                "https://example.org/mobigo/contact",
            )
        ],
    )
    feed.table(
        "attributions.txt",
        "attribution_id,organization_name,is_producer,is_operator,is_authority,attribution_url",
        [("mobigo", "mobigo (données de démonstration, CC0)", 1, 0, 0, "https://example.org/mobigo")],
    )
    feed.table(
        "translations.txt",
        "table_name,field_name,language,translation,record_id",
        [
            ("stops", "stop_name", "en", "Dijon main station", "dijon_ville"),
            ("stops", "stop_name", "en", "Semur-en-Auxois coach station", "semur_gare_routiere"),
            ("routes", "route_long_name", "en", "Semur shuttle", "N1"),
        ],
    )
    feed.table(
        "calendar.txt",
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
        [(service, *days, FIRST_DAY, LAST_DAY) for service, days in lines.SERVICES.items()],
    )
    feed.table(
        "calendar_dates.txt",
        "service_id,date,exception_type",
        [
            (service, lines.MONDAY + timedelta(weeks=week, days=day), 2)
            for week in lines.HOLIDAY_WEEKS
            for service in ("scolaire", "scolaire_mercredi")
            for day, runs in enumerate(lines.SERVICES[service])
            if runs == "1"
        ],
    )


STATION_NAMES = {"semur": "Semur-en-Auxois Gare routière"}


def _write_stops(feed: Feed, network: Network) -> None:
    rows: list[tuple[object, ...]] = []

    def add(id_: str, name: str, at: Position, kind: int, parent: str, wheelchair: int, level: str = "") -> None:
        rows.append((id_, name, f"{at[1]:.5f}", f"{at[0]:.5f}", kind or "", parent, wheelchair, level))

    for stop, (name, wheelchair) in lines.TRAIN_STOPS.items():
        at = network.position[stop]
        add(stop, f"Gare de {name}", at, 1, "", wheelchair)
        add(f"{stop}_train", f"Gare de {name}", at, 0, stop, wheelchair, "quais" if stop == "dijon_ville" else "")
    at = network.position["dijon_ville"]
    add("dijon_ville_foch", "Entrée avenue Foch", moved(at, 45, 15), 2, "dijon_ville", 1, "rue")
    add("dijon_ville_hall", "Hall de la gare de Dijon-Ville", moved(at, 20, 5), 3, "dijon_ville", 1, "rue")
    add("semur", STATION_NAMES["semur"], network.position["semur_gare_routiere"], 1, "", 1)
    for stop in (*lines.COACH_STOPS, *lines.TRAM_STOPS):
        add(stop.id, stop.name, network.position[stop.id], 0, stop.parent, stop.wheelchair)
    feed.table(
        "stops.txt",
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,wheelchair_boarding,level_id",
        rows,
    )
    feed.table("levels.txt", "level_id,level_index,level_name", [("rue", 0, "Rue"), ("quais", 1, "Quais")])
    feed.table(
        "pathways.txt",
        "pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional,length,traversal_time,stair_count",
        [
            ("foch_hall", "dijon_ville_foch", "dijon_ville_hall", 1, 1, 30, 26, ""),
            ("hall_quais_escalier", "dijon_ville_hall", "dijon_ville_train", 2, 1, 25, 45, 28),
            ("hall_quais_ascenseur", "dijon_ville_hall", "dijon_ville_train", 5, 1, "", 75, ""),
        ],
    )


def _write_trips(feed: Feed, network: Network, shapes: Shapes) -> None:
    routes: list[tuple[object, ...]] = []
    trips: list[tuple[object, ...]] = []
    times: list[tuple[object, ...]] = []
    for line in lines.LINES:
        routes.append((line.id, line.agency, line.number, line.name, line.kind, line.colour, line.text))
        for direction, departures in enumerate((line.there, line.back)):
            if departures:
                _write_direction(network, shapes, line, direction, trips, times)
    frequencies = _write_trams(network, shapes, routes, trips, times)
    _write_on_demand(feed, routes, trips, times)
    _write_virtual_line(network, shapes, routes, trips, times)
    feed.table(
        "routes.txt",
        "route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color",
        routes,
    )
    feed.table(
        "trips.txt",
        "route_id,service_id,trip_id,trip_headsign,direction_id,shape_id,wheelchair_accessible,bikes_allowed",
        sorted(trips, key=lambda trip: str(trip[2])),
    )
    feed.table(
        "stop_times.txt",
        "trip_id,arrival_time,departure_time,stop_id,location_group_id,location_id,stop_sequence,pickup_type,"
        "drop_off_type,shape_dist_traveled,timepoint,start_pickup_drop_off_window,end_pickup_drop_off_window,"
        "pickup_booking_rule_id,drop_off_booking_rule_id",
        sorted(times, key=lambda time: str(time[0])),
    )
    feed.table("frequencies.txt", "trip_id,start_time,end_time,headway_secs,exact_times", frequencies)


def _write_direction(
    network: Network,
    shapes: Shapes,
    line: lines.Line,
    direction: int,
    trips: list[tuple[object, ...]],
    times: list[tuple[object, ...]],
) -> None:
    stops = line.stops[::-1] if direction else line.stops
    if line.minutes:
        last = line.minutes[-1]
        minutes = [last - m for m in line.minutes[::-1]] if direction else list(line.minutes)
        stretches = _railway(network, stops)
        stops = tuple(f"{stop}_train" for stop in stops)
    else:
        stretches, seconds = network.drive(stops)
        minutes = [0]
        for passed in seconds[1:]:
            minutes.append(max(minutes[-1] + 1, round(passed / 60)))
    shape, at = shapes.add(stretches)
    headsign = _ends(line)[1 - direction]
    for number, (service, start) in enumerate(sorted((line.back if direction else line.there), key=lambda d: d[1]), 1):
        trip = f"{line.id}_{'r' if direction else 'a'}{number}"
        trips.append((line.id, service, trip, headsign, direction, shape, 1, line.bikes))
        begin = int(start[:2]) * 60 + int(start[3:])
        for k, stop in enumerate(stops):
            inner = 0 < k < len(stops) - 1
            asked = stop in line.on_request
            time = "" if asked and inner else clock(begin + minutes[k])
            pickup = 1 if k == len(stops) - 1 else 2 if asked else ""
            drop_off = 1 if k == 0 else 3 if asked else ""
            rule = "veille" if pickup == 2 else ""
            times.append(
                (trip, time, time, stop, "", "", k, pickup, drop_off, at[k], 1 if time else 0, "", "", rule, "")
            )


def _ends(line: lines.Line) -> tuple[str, str]:
    names = line.name.split(" (")[0].split(" - ")
    return names[0], names[-1]


def _railway(network: Network, stops: tuple[str, ...]) -> list[list[Position]]:
    """Return the course along the railway between stations."""
    track = [(lon, lat) for lat, lon in facts.RAILWAY]
    stretches = []
    for a, b in pairwise(stops):
        i, j = track.index(network.position[a]), track.index(network.position[b])
        stretches.append(track[i : j + 1] if i < j else track[j : i + 1][::-1])
    return stretches


def _write_trams(
    network: Network,
    shapes: Shapes,
    routes: list[tuple[object, ...]],
    trips: list[tuple[object, ...]],
    times: list[tuple[object, ...]],
) -> list[tuple[object, ...]]:
    frequencies: list[tuple[object, ...]] = []
    for number, name, colour, stops, first, last in lines.TRAMS:
        routes.append((number, "dijon", number, name, 0, colour, "FFFFFF" if number == "T1" else "000000"))
        network.drawn.line([network.position[stop] for stop in stops], railway="tram", name=f"Tramway {number}")
        for direction, (order, headsign) in enumerate(((stops, last), (stops[::-1], first))):
            course = [network.position[stop] for stop in order]
            shape, at = shapes.add([[a, b] for a, b in pairwise(course)])
            minutes = [0]
            for a, b in pairwise(course):
                minutes.append(minutes[-1] + max(1, round(metres(a, b) / 330)))  # 20 km/h, stops included
            for service, hours in lines.TRAM_HOURS.items():
                trip = f"{number}_{'r' if direction else 'a'}_{service}"
                trips.append((number, service, trip, headsign, direction, shape, 1, 2))
                for k, stop in enumerate(order):
                    time = clock(minutes[k])
                    times.append((trip, time, time, stop, "", "", k, "", "", at[k], 1, "", "", "", ""))
                exact = 1 if number == "T1" else 0
                frequencies += [(trip, start, end, headway, exact) for start, end, headway in hours]
    return frequencies


def _write_on_demand(
    feed: Feed, routes: list[tuple[object, ...]], trips: list[tuple[object, ...]], times: list[tuple[object, ...]]
) -> None:
    routes.append(("TAD", "tad", "TAD", "Auxois à la demande", 3, "6A994E", "000000"))
    zone, stations = ("", "", "auxois"), ("", "gares", "")
    for trip, headsign, start, end, service in (
        ("tad_vers_gares", "Gares de Montbard et des Laumes", zone, stations, "lundi_samedi"),
        ("tad_depuis_gares", "Auxois", stations, zone, "lundi_samedi"),
        ("tad_local", "Auxois", zone, zone, "semaine"),
    ):
        trips.append(("TAD", service, trip, headsign, "", "", 1, 2))
        window = ("09:00:00", "17:00:00") if trip == "tad_local" else ("06:30:00", "20:30:00")
        rule = "veille" if trip == "tad_local" else "deux_heures"
        times.append((trip, "", "", *start, 1, 2, 1, "", "", *window, rule, ""))
        times.append((trip, "", "", *end, 2, 1, 2, "", "", *window, "", rule))
    feed.table(
        "ondemand_services.txt",
        "route_id,service_kind,operator_id,pickup_window,late_cancel_cents,no_show_cents,fare_cents",
        [
            ("TAD", "zone_to_stops", lines.ON_DEMAND_OPERATOR, 600, 100, 250, 250),
            (lines.VIRTUAL.id, "virtual_line", lines.ON_DEMAND_OPERATOR, 300, 100, 250, 250),
        ],
    )
    feed.table("location_groups.txt", "location_group_id,location_group_name", [("gares", "Gares de l'Auxois")])
    feed.table(
        "location_group_stops.txt",
        "location_group_id,stop_id",
        [("gares", "montbard_gare_routiere"), ("gares", "laumes_gare_routiere")],
    )
    feed.table(
        "booking_rules.txt",
        "booking_rule_id,booking_type,prior_notice_duration_min,prior_notice_last_day,prior_notice_last_time,"
        "prior_notice_service_id,message,phone_number,info_url,booking_url",
        [
            (
                "deux_heures", 1, 120, "", "", "",
                "À réserver au moins deux heures avant le départ.",
                "+33 3 53 01 00 05", "https://example.org/a-la-demande", "https://example.org/a-la-demande/reserver",
            ),
            (
                "veille", 2, "", 1, "17:00:00", "semaine",
                "À réserver la veille (jour ouvré) avant 17 heures.",
                "+33 3 53 01 00 05", "https://example.org/a-la-demande", "https://example.org/a-la-demande/reserver",
            ),
        ],
    )  # fmt: skip


def _write_virtual_line(
    network: Network,
    shapes: Shapes,
    routes: list[tuple[object, ...]],
    trips: list[tuple[object, ...]],
    times: list[tuple[object, ...]],
) -> None:
    """Write the line with fixed stops and times that runs only for those who booked it."""
    line = lines.VIRTUAL
    routes.append((line.id, line.agency, line.number, line.name, line.kind, line.colour, line.text))
    for direction, departures in enumerate((line.there, line.back)):
        stops = line.stops[::-1] if direction else line.stops
        stretches, seconds = network.drive(stops)
        shape, at = shapes.add(stretches)
        minutes = [0]
        for passed in seconds[1:]:
            minutes.append(max(minutes[-1] + 1, -(-passed // 60)))
        for number, (service, start) in enumerate(departures, 1):
            trip = f"{line.id}_{'r' if direction else 'a'}{number}"
            trips.append((line.id, service, trip, _ends(line)[1 - direction], direction, shape, 1, line.bikes))
            begin = int(start[:2]) * 60 + int(start[3:])
            for k, stop in enumerate(stops):
                time = clock(begin + minutes[k])
                on, off = (1, 2) if k == len(stops) - 1 else (2, 1) if k == 0 else (2, 2)
                rules = ("veille" if on == 2 else "", "veille" if off == 2 else "")
                times.append((trip, time, time, stop, "", "", k, on, off, at[k], 1, "", "", *rules))


def _write_transfers(feed: Feed) -> None:
    pairs = [
        ("montbard_gare_routiere", "montbard_train", 240),
        ("laumes_gare_routiere", "laumes_train", 180),
        ("dijon_gare_routiere", "dijon_ville_train", 300),
        ("tram_gare", "dijon_ville_train", 300),
        ("tram_gare", "dijon_gare_routiere", 240),
    ]
    feed.table(
        "transfers.txt",
        "from_stop_id,to_stop_id,transfer_type,min_transfer_time",
        [row for a, b, seconds in pairs for row in ((a, b, 2, seconds), (b, a, 2, seconds))],
    )


def _write_fares(feed: Feed) -> None:
    auxois = ["laumes_train", "montbard_train", "nuits_train", "tonnerre_train", "verrey_train", "blaisy_train"]
    dijon = ["dijon_ville_train", "plombieres_canal_train", "velars_gare_train", "malain_train"]
    feed.table("areas.txt", "area_id,area_name", [("auxois", "Auxois et Tonnerrois"), ("dijonnais", "Dijonnais")])
    feed.table(
        "stop_areas.txt",
        "area_id,stop_id",
        [*(("auxois", stop) for stop in auxois), *(("dijonnais", stop) for stop in dijon)],
    )
    networks = {"cars": "Cars", "navettes": "Navettes", "trains": "Trains", "tram": "Tramway"}
    feed.table("networks.txt", "network_id,network_name", networks.items())
    of_agency = {"auxois": "cars", "semur": "navettes", "trains": "trains"}
    feed.table(
        "route_networks.txt",
        "network_id,route_id",
        [
            *((of_agency[line.agency], line.id) for line in lines.LINES),
            ("cars", "TAD"),
            ("cars", lines.VIRTUAL.id),
            ("tram", "T1"),
            ("tram", "T2"),
        ],
    )
    feed.table(
        "fare_media.txt",
        "fare_media_id,fare_media_name,fare_media_type",
        [("ticket", "Ticket", 1), ("appli", "Application", 4)],
    )
    feed.table(
        "rider_categories.txt",
        "rider_category_id,rider_category_name,is_default_fare_category",
        [("adulte", "Plein tarif", 1), ("jeune", "Moins de 26 ans", 0)],
    )
    prices = {
        "car": ("Car, trajet", 2.00, 1.00),
        "navette": ("Navette, trajet", 0.50, 0.00),
        "tram": ("Tram, une heure", 1.70, 1.00),
        "train_local": ("Train, trajet local", 4.60, 2.30),
        "train_dijon": ("Train, Auxois - Dijon", 13.80, 6.90),
    }
    feed.table(
        "fare_products.txt",
        "fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency",
        [
            (product, name, category, media, f"{amount:.2f}", "EUR")
            for product, (name, full, young) in prices.items()
            for category, amount in (("adulte", full), ("jeune", young))
            for media in ("ticket", "appli")
        ],
    )
    feed.table(
        "fare_leg_rules.txt",
        "leg_group_id,network_id,from_area_id,to_area_id,fare_product_id",
        [
            ("car", "cars", "", "", "car"),
            ("navette", "navettes", "", "", "navette"),
            ("tram", "tram", "", "", "tram"),
            ("train", "trains", "auxois", "auxois", "train_local"),
            ("train", "trains", "dijonnais", "dijonnais", "train_local"),
            ("train", "trains", "auxois", "dijonnais", "train_dijon"),
            ("train", "trains", "dijonnais", "auxois", "train_dijon"),
        ],
    )
    feed.table(
        "fare_transfer_rules.txt",
        "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type",
        [("car", "car", 1, 7200, 1, 0), ("tram", "tram", -1, 3600, 1, 0), ("navette", "car", "", 3600, 1, 0)],
    )


def _zone() -> str:
    ring = [[lon, lat] for lat, lon in lines.ZONE]
    ring = [*ring[::-1], ring[-1]]  # counter-clockwise, closed
    zone = {
        "type": "Feature",
        "id": "auxois",
        "properties": {"stop_name": "Auxois", "stop_desc": "Zone desservie à la demande"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return json.dumps({"type": "FeatureCollection", "features": [zone]}, ensure_ascii=False, indent=1) + "\n"
