"""The tables of the extract in service: streets for the street room, names for places, shapes for the base map.

Each name below is a view of the version that `osm_active` points at; the rows lie in ``<name>_versions``, partitioned by
version. Read the views only: they change all at once when a load ends. Geometry is WGS84 (EPSG:4326). ``min_zoom`` is
the first zoom level of a web map at which a row is worth drawing; a partial index serves ``min_zoom <= 11``. ``folded``
is the name as `osm.names.fold` writes it (no accents, hyphens or capitals), with a trigram index and one for prefixes.

``street_edge``: a piece of street between two nodes, drawn in the direction of its way
    ``id, way_id, from_node, to_node, metres, class`` (the highway value, ``ferry`` or ``platform``), ``name, ref``;
    ``foot, bicycle, car``: 1 may go along the geometry, 2 against it, 3 both, 0 none;
    ``kmh_forward, kmh_backward``: expected speed of a car; ``seconds``: of a ferry's crossing, else null;
    ``flags``: the sum of `Flag`; ``min_zoom, geom`` LineString
``street_node``: ``id, osm_id, lon, lat, passable`` (1 foot + 2 bicycle + 4 car may pass the barrier there; 7 if none)
``turn_restriction``: ``relation_id, kind`` (``no_left_turn``, ``only_straight_on`` ...), ``from_way``, ``via_node`` or
    ``via_ways``, ``to_way``, ``modes`` (2 bicycle + 4 car)
``street_overview``: ``class, ref, min_zoom, geom``: motorway to secondary joined and simplified, for zoom 5 to 10
``osm_street``: one row per named street and neighbourhood: ``name, folded, metres, geom`` Point on it
``osm_place``: ``osm_type, osm_id, kind`` (``city town village hamlet suburb`` ...), ``name, folded, population,
    postcode, insee, min_zoom, geom`` Point
``osm_address``: ``osm_type, osm_id, housenumber, street, postcode, city, folded`` (of "housenumber street city"),
    ``geom`` Point
``osm_poi``: ``osm_type, osm_id, class`` (the key: ``amenity shop tourism leisure railway`` ...), ``kind`` (its value),
    ``name`` (may be null), ``folded, min_zoom, geom`` Point
``osm_area``: ``osm_type, osm_id, kind, name, square_metres, admin_level, min_zoom, geom`` MultiPolygon; kind is one of
    ``water wetland forest grass park farmland orchard vineyard scrub heath rock sand residential commercial industrial
    railway cemetery school hospital sport pedestrian parking aerodrome building administrative``; ``admin_level`` is
    set for ``administrative`` only, which is for look-ups, not for fills
``osm_line``: ``osm_id, class`` (``railway waterway boundary``), ``kind`` (``rail tram subway river canal stream
    administrative`` ...), ``name, admin_level, flags`` (tunnel, bridge), ``min_zoom, geom`` LineString
"""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """What an edge is, besides its class."""

    ROUNDABOUT = 1
    STEPS = 2
    FERRY = 4
    TUNNEL = 8
    BRIDGE = 16
    UNPAVED = 32
    DESTINATION = 64
    """Cars may only enter to reach something on it."""
    LIFT = 128
