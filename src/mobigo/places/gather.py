"""Fill the tables of names from the feeds and the extract in service: sets of rows, never one by one.

New tables are filled and indexed beside the old ones and take their names at the end, so readers wait for an instant
only. Names are folded here, each different name once, by the same `kit.names.fold` that folds the questions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.kit.names import fold

if TYPE_CHECKING:
    import psycopg

LOCK = 7_401_964
"""Advisory lock: one rebuild at a time."""

NAMES = """
    SELECT name FROM osm_place WHERE name IS NOT NULL
    UNION SELECT name FROM osm_street WHERE name IS NOT NULL
    UNION SELECT name FROM osm_poi WHERE name IS NOT NULL
    UNION SELECT name FROM osm_area WHERE kind = 'administrative' AND name IS NOT NULL
    UNION SELECT street FROM osm_address WHERE street IS NOT NULL
    UNION SELECT city FROM osm_address WHERE city IS NOT NULL
    UNION SELECT name FROM gathered_stop
"""
"""Every name there is, once."""

STOPS = """
    CREATE TEMP TABLE gathered_stop ON COMMIT DROP AS
    WITH departure AS (
        SELECT stop_time.version_id, stop_time.stop_line, count(*) AS departures,
            bool_or(routes.route_type = 2 OR routes.route_type BETWEEN 100 AND 117) AS rail
        FROM stop_times_compact AS stop_time
        JOIN feed ON feed.active_version = stop_time.version_id
        JOIN trips ON trips.version_id = stop_time.version_id AND trips.line = stop_time.trip_line
        JOIN routes ON routes.version_id = trips.version_id AND routes.route_id = trips.route_id
        GROUP BY stop_time.version_id, stop_time.stop_line
    )
    SELECT feed.source || ':' || stops.stop_id AS stop_id, stops.stop_name AS name,
        coalesce(
            station_stop.station_id,
            feed.source || ':' || coalesce(above.parent_station, stops.parent_station, stops.stop_id)
        ) AS station_id,
        coalesce(stops.location_type, 0) AS location_type,
        coalesce(departure.departures, 0) AS departures, coalesce(departure.rail, false) AS rail, stops.geom
    FROM stops
    JOIN feed ON feed.active_version = stops.version_id
    LEFT JOIN stops AS above ON above.version_id = stops.version_id AND above.stop_id = stops.parent_station
    LEFT JOIN station_stop ON station_stop.stop_id = feed.source || ':' || stops.stop_id
    LEFT JOIN departure ON departure.version_id = stops.version_id AND departure.stop_line = stops.line
    WHERE coalesce(stops.location_type, 0) IN (0, 1, 4) AND stops.stop_name IS NOT NULL AND stops.geom IS NOT NULL
"""
"""Temporary table of the stops and stations of the feeds in service; how many calls each has, and whether of trains."""

COMMUNES = (
    # towns and villages; the boundary of the same name around each, where there is one
    """
    CREATE TEMP TABLE commune ON COMMIT DROP AS
    SELECT 'commune/' || left(place.osm_type, 1) || place.osm_id AS id, place.kind, place.name, folded_name.folded,
        place.population, place.geom, boundary.geom AS area
    FROM osm_place AS place
    JOIN folded_name USING (name)
    LEFT JOIN LATERAL (
        SELECT osm_area.geom FROM osm_area JOIN folded_name AS other USING (name)
        WHERE osm_area.kind = 'administrative' AND osm_area.admin_level BETWEEN 6 AND 9
            AND other.folded = folded_name.folded AND ST_Covers(osm_area.geom, place.geom)
        ORDER BY osm_area.square_metres LIMIT 1
    ) AS boundary ON true
    WHERE place.kind IN ('city', 'town', 'village', 'municipality')
    """,
    # communes that are drawn as a boundary only, or whose centre is tagged as a hamlet
    """
    INSERT INTO commune
    SELECT 'commune/' || left(area.osm_type, 1) || area.osm_id, 'village', area.name, folded_name.folded, NULL,
        coalesce(centre.geom, ST_PointOnSurface(area.geom)), area.geom
    FROM osm_area AS area
    JOIN folded_name USING (name)
    LEFT JOIN LATERAL (
        SELECT osm_place.geom FROM osm_place JOIN folded_name AS other USING (name)
        WHERE other.folded = folded_name.folded AND ST_Covers(area.geom, osm_place.geom)
        ORDER BY osm_place.osm_type, osm_place.osm_id LIMIT 1
    ) AS centre ON true
    WHERE area.kind = 'administrative' AND area.admin_level = 8
        AND NOT EXISTS (
            SELECT FROM commune
            WHERE commune.folded = folded_name.folded AND ST_Covers(area.geom, commune.geom)
        )
    """,
    # one town drawn twice, as a point and as an outline
    """
    DELETE FROM commune AS twin USING commune AS kept
    WHERE twin.folded = kept.folded AND ST_DWithin(twin.geom, kept.geom, 0.03)
        AND (twin.area IS NOT NULL, twin.population IS NOT NULL, kept.id)
            < (kept.area IS NOT NULL, kept.population IS NOT NULL, twin.id)
    """,
    "CREATE INDEX ON commune USING gist (geom)",
    "CREATE INDEX ON commune (id)",
    "CREATE INDEX ON commune (folded)",
    """
    CREATE TEMP TABLE commune_part ON COMMIT DROP AS
    SELECT id, ST_Subdivide(area, 64) AS geom FROM commune WHERE area IS NOT NULL
    """,
    "CREATE INDEX ON commune_part USING gist (geom)",
    "ANALYZE commune",
    "ANALYZE commune_part",
    # of several centres around, a city reaches four times as far as a village
    """
    CREATE FUNCTION pg_temp.commune_at(point geometry) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT coalesce(
            (SELECT id FROM commune_part AS part WHERE ST_Covers(part.geom, point) ORDER BY id LIMIT 1),
            (
                SELECT id FROM (
                    SELECT id, kind, ST_DistanceSphere(geom, point) AS metres FROM commune
                    WHERE area IS NULL AND ST_DWithin(geom, point, 0.2)
                    ORDER BY geom <-> point LIMIT 8
                ) AS around
                WHERE metres < 10000
                ORDER BY metres / CASE kind WHEN 'city' THEN 4 WHEN 'town' THEN 2 ELSE 1 END, id LIMIT 1
            )
        )
    $$
    """,
)
"""Temporary tables ``commune`` (id, kind, name, folded, population, geom, area) and ``commune_part``, and a look-up."""

STATIONS = (
    "CREATE INDEX ON gathered_stop (station_id)",
    "ANALYZE gathered_stop",
    # platforms of a station, and stops of one name on both sides of a street, are one place
    """
    CREATE TEMP TABLE stop_group ON COMMIT DROP AS
    WITH station AS (
        SELECT station_id, min(folded) FILTER (WHERE stop_id = station_id) AS own, min(folded) AS other,
            ST_Centroid(ST_Collect(geom)) AS geom
        FROM gathered_stop JOIN folded_name USING (name) GROUP BY station_id
    ), near AS (
        SELECT station_id, coalesce(own, other) AS folded,
            ST_ClusterDBSCAN(geom, 0.003, 1) OVER (PARTITION BY coalesce(own, other)) AS cluster
        FROM station
    )
    SELECT station_id, folded, first_value(station_id) OVER (PARTITION BY folded, cluster ORDER BY station_id) AS grp
    FROM near
    """,
    """
    CREATE TEMP TABLE stop_place ON COMMIT DROP AS
    SELECT stop_group.grp,
        (array_agg(stop.stop_id ORDER BY stop.departures DESC, stop.stop_id)
            FILTER (WHERE stop.location_type IN (0, 4))) AS stop_ids,
        (array_agg(stop.station_id ORDER BY stop.departures DESC, stop.station_id))[1] AS main,
        sum(stop.departures) AS departures, bool_or(stop.rail) AS rail
    FROM gathered_stop AS stop JOIN stop_group USING (station_id)
    GROUP BY stop_group.grp
    """,
    "ANALYZE stop_group",
    "ANALYZE stop_place",
    """
    CREATE TEMP TABLE named_stop ON COMMIT DROP AS
    SELECT stop_place.*, head.name, folded_name.folded, head.geom, pg_temp.commune_at(head.geom) AS commune_id,
        CASE WHEN departures = 0 THEN 0.05 ELSE least(
            0.75,
            0.1 + 0.4 * ln(1 + departures) / ln(1 + max(departures) OVER ()) + CASE WHEN rail THEN 0.25 ELSE 0 END
        ) END AS importance
    FROM stop_place
    CROSS JOIN LATERAL (
        SELECT name, geom FROM gathered_stop
        WHERE gathered_stop.station_id = stop_place.main
        ORDER BY stop_id <> stop_place.main, departures DESC, stop_id LIMIT 1
    ) AS head
    JOIN folded_name ON folded_name.name = head.name
    """,
    "ANALYZE named_stop",
    """
    INSERT INTO place_next
    SELECT stop.main, 'stop', stop.name,
        CASE WHEN commune.folded IS NULL OR ' ' || stop.folded || ' ' LIKE '% ' || commune.folded || ' %' THEN stop.name
            ELSE stop.name || ', ' || commune.name END,
        coalesce(commune.name, ''), stop.folded,
        concat_ws(' ', '', stop.folded, commune.folded, CASE WHEN stop.rail THEN 'gare' END, station.names),
        stop.importance, ST_X(stop.geom), ST_Y(stop.geom), coalesce(stop.stop_ids, '{}')
    FROM named_stop AS stop
    LEFT JOIN commune ON commune.id = stop.commune_id
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT folded_name.folded, ' ') AS names FROM osm_poi JOIN folded_name USING (name)
        WHERE stop.rail AND osm_poi.class = 'railway' AND ST_DWithin(osm_poi.geom, stop.geom, 0.004)
    ) AS station ON true
    """,
    """
    INSERT INTO place_stop_next
    SELECT stop.stop_id, named_stop.main, stop.name, ST_X(stop.geom), ST_Y(stop.geom)
    FROM gathered_stop AS stop JOIN stop_group USING (station_id) JOIN named_stop USING (grp)
    """,
    # a town is its stops, the main one first
    """
    INSERT INTO place_next
    SELECT commune.id, 'commune', commune.name, commune.name, commune.name, commune.folded, ' ' || commune.folded,
        CASE commune.kind WHEN 'city' THEN 0.95 WHEN 'town' THEN 0.75 ELSE 0.6 END
            + 0.05 * ln(1 + coalesce(commune.population, 0)) / ln(1e8),
        ST_X(commune.geom), ST_Y(commune.geom), coalesce(served.stop_ids, '{}')
    FROM commune
    LEFT JOIN (
        SELECT commune_id, array_agg(stop_id ORDER BY importance DESC, main, position) AS stop_ids
        FROM named_stop CROSS JOIN LATERAL unnest(stop_ids) WITH ORDINALITY AS each (stop_id, position)
        WHERE departures > 0 AND commune_id IS NOT NULL
        GROUP BY commune_id
    ) AS served ON served.commune_id = commune.id
    """,
)
"""Stops and communes."""

STREETS = (
    # addresses of a street lie together: one look-up of the commune for all of them in a square of about 2 km
    """
    CREATE TEMP TABLE gathered_address ON COMMIT DROP AS
    SELECT concat_ws('|', street, city, floor(ST_X(geom) * 40), floor(ST_Y(geom) * 50)) AS grp,
        housenumber, street, city, postcode, ST_X(geom) AS lon, ST_Y(geom) AS lat
    FROM osm_address WHERE street IS NOT NULL
    """,
    """
    CREATE TEMP TABLE address_group ON COMMIT DROP AS
    SELECT grp, min(street) AS name, min(city) AS city, min(postcode) AS postcode,
        ST_SetSRID(ST_MakePoint(avg(lon), avg(lat)), 4326) AS geom
    FROM gathered_address GROUP BY grp
    """,
    "ANALYZE gathered_address",
    "ANALYZE address_group",
    """
    CREATE TEMP TABLE street_spot ON COMMIT DROP AS
    WITH spot AS (
        SELECT NULL AS grp, name, NULL AS city, NULL AS postcode, metres, geom FROM osm_street
        UNION ALL SELECT grp, name, city, postcode, 0, geom FROM address_group
    ), placed AS (
        SELECT spot.*, coalesce(said.id, pg_temp.commune_at(spot.geom)) AS commune_id FROM spot
        LEFT JOIN LATERAL (
            SELECT commune.id FROM folded_name JOIN commune USING (folded)
            WHERE folded_name.name = spot.city AND ST_DWithin(commune.geom, spot.geom, 0.3)
            ORDER BY commune.geom <-> spot.geom, commune.id LIMIT 1
        ) AS said ON true
    )
    SELECT placed.*, folded_name.folded,
        'street/' || coalesce(
            substr(commune_id, length('commune/') + 1),
            round(ST_Y(geom)::numeric, 1) || '_' || round(ST_X(geom)::numeric, 1)
        ) || '/' || replace(folded_name.folded, ' ', '-') AS street_id
    FROM placed JOIN folded_name USING (name)
    """,
    "ANALYZE street_spot",
    """
    INSERT INTO place_next
    SELECT street.id, 'address', street.name, street.name || coalesce(', ' || coalesce(commune.name, street.city), ''),
        coalesce(commune.name, street.city, ''), street.folded,
        concat_ws(' ', '', street.folded, coalesce(commune.folded, folded_name.folded), street.postcode),
        0.2, ST_X(street.geom), ST_Y(street.geom), '{}'
    FROM (
        SELECT street_id AS id, min(folded) AS folded, min(commune_id) AS commune_id, min(city) AS city,
            min(postcode) AS postcode, (array_agg(name ORDER BY metres DESC, name))[1] AS name,
            (array_agg(geom ORDER BY metres DESC, geom))[1] AS geom
        FROM street_spot GROUP BY street_id
    ) AS street
    LEFT JOIN commune ON commune.id = street.commune_id
    LEFT JOIN folded_name ON folded_name.name = street.city
    """,
    r"""
    INSERT INTO house_number_next
    SELECT street_spot.street_id, each.number, address.lon, address.lat
    FROM gathered_address AS address
    JOIN street_spot USING (grp)
    CROSS JOIN LATERAL regexp_split_to_table(
        lower(regexp_replace(address.housenumber, '\s', '', 'g')), '[;,/]|-(?=\d)'
    ) AS each (number)
    WHERE each.number <> ''
    """,
)
"""Streets with their house numbers."""

POINTS_OF_INTEREST = (
    """
    INSERT INTO place_next
    WITH poi AS (
        SELECT DISTINCT ON (osm_type, osm_id) 'poi/' || left(osm_type, 1) || osm_id AS id, name, geom,
            CASE WHEN class IN ('railway', 'aeroway') THEN 0.4
                WHEN kind IN ('townhall', 'hospital', 'university', 'college', 'school', 'museum', 'castle') THEN 0.35
                WHEN class IN ('tourism', 'historic') THEN 0.3 ELSE 0.2 END AS importance
        FROM osm_poi
        WHERE name IS NOT NULL AND NOT (
            class = 'railway' AND EXISTS (SELECT FROM named_stop WHERE ST_DWithin(named_stop.geom, osm_poi.geom, 0.004))
        )
        UNION ALL
        SELECT DISTINCT ON (osm_type, osm_id) 'place/' || left(osm_type, 1) || osm_id, name, geom,
            CASE kind WHEN 'suburb' THEN 0.4 WHEN 'hamlet' THEN 0.4 WHEN 'quarter' THEN 0.35 ELSE 0.25 END
        FROM osm_place WHERE kind NOT IN ('city', 'town', 'village', 'municipality') AND name IS NOT NULL
    ), placed AS (
        SELECT poi.*, folded_name.folded, pg_temp.commune_at(poi.geom) AS commune_id
        FROM poi JOIN folded_name USING (name)
    ), once AS (
        SELECT DISTINCT ON (folded, commune_id, floor(ST_X(geom) * 200), floor(ST_Y(geom) * 200)) *
        FROM placed
        ORDER BY folded, commune_id, floor(ST_X(geom) * 200), floor(ST_Y(geom) * 200), importance DESC, id
    )
    SELECT once.id, 'poi', once.name,
        CASE WHEN commune.folded IS NULL OR ' ' || once.folded || ' ' LIKE '% ' || commune.folded || ' %' THEN once.name
            ELSE once.name || ', ' || commune.name END,
        coalesce(commune.name, ''), once.folded, concat_ws(' ', '', once.folded, commune.folded), once.importance,
        ST_X(once.geom), ST_Y(once.geom), '{}'
    FROM once LEFT JOIN commune ON commune.id = once.commune_id
    WHERE commune.folded IS DISTINCT FROM once.folded OR once.id NOT LIKE 'place/%'
    """,
)
"""Points of interest, and places smaller than a commune."""

BEGIN = (
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL work_mem = '64MB'",
    "SET LOCAL jit = off",
    "CREATE TABLE place_next (LIKE place INCLUDING DEFAULTS)",
    "CREATE TABLE place_stop_next (LIKE place_stop INCLUDING DEFAULTS)",
    "CREATE TABLE house_number_next (LIKE house_number INCLUDING DEFAULTS)",
    "CREATE TABLE place_word_next (word text NOT NULL)",
)

END = (
    """
    INSERT INTO place_word_next
    SELECT DISTINCT word FROM place_next CROSS JOIN LATERAL string_to_table(words, ' ') AS word WHERE word <> ''
    """,
    "ALTER TABLE place_word_next ADD CONSTRAINT place_word_next_pkey PRIMARY KEY (word)",
    "CREATE INDEX place_word_next_begins_index ON place_word_next (word text_pattern_ops)",
    "CREATE INDEX place_word_next_alike_index ON place_word_next USING gin (word gin_trgm_ops)",
    "ANALYZE place_word_next",
    "ALTER TABLE place_next ADD CONSTRAINT place_next_pkey PRIMARY KEY (id)",
    "ALTER TABLE place_stop_next ADD CONSTRAINT place_stop_next_pkey PRIMARY KEY (stop_id)",
    "CREATE INDEX place_next_words_index ON place_next USING gin (words gin_trgm_ops)",
    "CREATE INDEX place_next_folded_index ON place_next (folded text_pattern_ops)",
    "CREATE INDEX place_next_point_index ON place_next USING gist (ST_SetSRID(ST_MakePoint(lon, lat), 4326))",
    "CREATE INDEX house_number_next_street_id_number_index ON house_number_next (street_id, number)",
    "ANALYZE place_next",
    "ANALYZE place_stop_next",
    "ANALYZE house_number_next",
    "DROP TABLE IF EXISTS place, place_stop, house_number, place_word",
    "ALTER TABLE place_next RENAME TO place",
    "ALTER TABLE place_stop_next RENAME TO place_stop",
    "ALTER TABLE house_number_next RENAME TO house_number",
    "ALTER TABLE place_word_next RENAME TO place_word",
    "ALTER INDEX place_word_next_pkey RENAME TO place_word_pkey",
    "ALTER INDEX place_word_next_begins_index RENAME TO place_word_begins_index",
    "ALTER INDEX place_word_next_alike_index RENAME TO place_word_alike_index",
    "ALTER INDEX place_next_pkey RENAME TO place_pkey",
    "ALTER INDEX place_stop_next_pkey RENAME TO place_stop_pkey",
    "ALTER INDEX place_next_words_index RENAME TO place_words_index",
    "ALTER INDEX place_next_folded_index RENAME TO place_folded_index",
    "ALTER INDEX place_next_point_index RENAME TO place_point_index",
    "ALTER INDEX house_number_next_street_id_number_index RENAME TO house_number_street_id_number_index",
    """
    DROP TABLE gathered_stop, folded_name, commune, commune_part, stop_group, stop_place, named_stop,
        gathered_address, address_group, street_spot
    """,
    "DROP FUNCTION pg_temp.commune_at",
)


def rebuild(connection: psycopg.Connection) -> dict[str, int]:
    """Fill the tables anew within the caller's transaction; number of places by kind, and of house numbers."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    for statement in (*BEGIN, STOPS):
        connection.execute(statement)
    _fold_names(connection)
    for statement in (*COMMUNES, *STATIONS, *STREETS, *POINTS_OF_INTEREST, *END):
        connection.execute(statement)
    counts = connection.execute("SELECT kind, count(*) FROM place GROUP BY kind ORDER BY kind").fetchall()
    houses = connection.execute("SELECT count(*) FROM house_number").fetchone()
    assert houses
    return {**dict(counts), "house_numbers": houses[0]}


def _fold_names(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TEMP TABLE folded_name (name text PRIMARY KEY, folded text NOT NULL) ON COMMIT DROP")
    with connection.cursor() as cursor:
        names = [name for (name,) in cursor.execute(NAMES)]
        with cursor.copy("COPY folded_name FROM STDIN") as copy:
            for name in names:
                if folded := fold(name):
                    copy.write_row((name, folded))
    connection.execute("ANALYZE folded_name")
