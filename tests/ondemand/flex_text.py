"""A small feed with transport on demand, as text: a zone, a group, a virtual line, and what a test changes of it."""

from __future__ import annotations

import json

from tests.feed_text import text

SQUARE = [[4.30, 47.45], [4.40, 47.45], [4.40, 47.52], [4.30, 47.52], [4.30, 47.45]]
"""Around the town's three stops."""

VALLEY = {
    "agency.txt": """
        agency_id,agency_name,agency_url,agency_timezone,agency_lang,agency_phone
        A,À la demande,https://tad.example,Europe/Paris,fr,+33 3 80 00 00 00
    """,
    "stops.txt": """
        stop_id,stop_name,stop_lat,stop_lon,zone_id
        gare,Gare,47.4906,4.3347,Z
        mairie,Mairie,47.4951,4.3300,Z
        lac,Lac de Pont,47.4800,4.3600,Z
        ville,La Ville,47.6000,4.5000,Y
    """,
    "routes.txt": """
        route_id,agency_id,route_short_name,route_long_name,route_type,route_color
        feeder,A,TAD,Vers la gare,715,6A994E
        line,A,V1,Ligne virtuelle,715,6A994E
        points,A,P,De point en point,715,6A994E
        ordinary,A,1,Ligne ordinaire,3,6A994E
    """,
    "trips.txt": """
        route_id,service_id,trip_id,trip_headsign,safe_duration_factor,safe_duration_offset,shape_id
        feeder,week,to_station,Gare,1.5,240,
        feeder,week,from_station,Campagne,1.5,240,
        line,week,v1,La Ville,,,road
        points,week,p1,,,,
        ordinary,week,o1,,,,
    """,
    "stop_times.txt": """
        trip_id,stop_sequence,stop_id,location_group_id,location_id,arrival_time,departure_time,start_pickup_drop_off_window,end_pickup_drop_off_window,pickup_type,drop_off_type,pickup_booking_rule_id,drop_off_booking_rule_id,timepoint
        to_station,1,,,zone,,,06:00:00,20:00:00,2,1,two_hours,,
        to_station,2,gare,,,,,06:00:00,20:00:00,1,2,,two_hours,
        from_station,1,gare,,,,,06:00:00,20:00:00,2,1,two_hours,,
        from_station,2,,,zone,,,06:00:00,20:00:00,1,2,,two_hours,
        v1,1,mairie,,,08:00:00,08:00:00,,,2,1,eve,,1
        v1,2,lac,,,08:10:00,08:11:00,,,2,2,eve,eve,1
        v1,3,ville,,,08:40:00,08:40:00,,,1,2,,eve,1
        p1,1,,around,,,,09:00:00,12:00:00,2,1,two_hours,,
        p1,2,,around,,,,09:00:00,12:00:00,1,2,,two_hours,
        o1,1,mairie,,,07:00:00,07:00:00,,,,,,,1
        o1,2,ville,,,07:40:00,07:40:00,,,,,,,1
    """,
    "location_groups.txt": """
        location_group_id,location_group_name
        around,Autour
    """,
    "location_group_stops.txt": """
        location_group_id,stop_id
        around,mairie
        around,lac
    """,
    "booking_rules.txt": """
        booking_rule_id,booking_type,prior_notice_duration_min,prior_notice_last_day,prior_notice_last_time,prior_notice_service_id,message,phone_number,booking_url
        two_hours,1,120,,,,Deux heures avant,+33 3 80 00 00 00,https://tad.example/book
        eve,2,,1,17:00:00,open,"La veille, avant 17 heures",+33 3 80 00 00 00,
    """,
    "calendar.txt": """
        service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
        week,1,1,1,1,1,0,0,20261102,20270630
        open,1,1,1,1,1,1,0,20261102,20270630
    """,
    "calendar_dates.txt": """
        service_id,date,exception_type
        week,20261225,2
        week,20261226,1
    """,
    "shapes.txt": """
        shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled
        road,47.4951,4.3300,1,0
        road,47.4800,4.3600,2,3000
        road,47.6000,4.5000,3,20000.5
    """,
    "ondemand_services.txt": """
        route_id,service_kind,operator_id,pickup_window,ride_factor,fare_cents
        feeder,zone_to_stops,auxois,900,1.8,250
    """,
}


def files(*, zone: object = None, **changes: str | None) -> dict[str, bytes]:
    """The feed's files; `stops="..."` replaces stops.txt, None removes it; `zone` replaces the zone's coordinates."""
    found = {name: text(rows) for name, rows in VALLEY.items()}
    for name, content in changes.items():
        found.pop(f"{name}.txt", None)
        if content is not None:
            found[f"{name}.txt"] = text(content)
    feature = {
        "type": "Feature",
        "id": "zone",
        "geometry": {"type": "Polygon", "coordinates": [zone or SQUARE]},
        "properties": {"stop_name": "Campagne", "zone_id": "Z", "colour": "green"},
    }
    found["locations.geojson"] = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    return found
