"""The streets in service, read in bulk."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from mobigo.street.graph import Restriction, StreetGraph, Streets, build_graph, build_hilly_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from mobigo.street.relief import Heights, Relief

CHUNK_BYTES = 64 << 20
"""Rows of edges are parsed when so much of them has arrived."""

# the tables mark who may not pass among wheelchairs, the graph who may
NODES = "COPY (SELECT id, osm_id, lon, lat, passable # 8 FROM street_node) TO STDOUT (FORMAT csv)"
EDGES = """
    COPY (
        SELECT way_id, from_node, to_node, metres, class, coalesce(name, ref, ''), foot, bicycle, car, kmh_forward,
               kmh_backward, seconds, flags, coalesce(wheelchair, 0),
               coalesce(coach, CASE WHEN class IN ('track', 'ferry') THEN 0 ELSE car END),
               encode(substr(ST_AsBinary(geom, 'NDR'), 10), 'hex')
        FROM street_edge
    ) TO STDOUT (FORMAT csv)
"""
RESTRICTIONS = "SELECT kind, from_way, via_node, to_way, modes FROM turn_restriction WHERE via_node IS NOT NULL"

NODE_COLUMNS = {"id": pl.Int64, "osm": pl.Int64, "lon": pl.Float64, "lat": pl.Float64, "passable": pl.UInt8}
EDGE_COLUMNS = {
    "way": pl.Int64, "from": pl.Int64, "to": pl.Int64, "metres": pl.Float32, "class": pl.String, "name": pl.String,
    "foot": pl.UInt8, "bicycle": pl.UInt8, "car": pl.UInt8, "forward": pl.Float32, "backward": pl.Float32,
    "seconds": pl.Float32, "flags": pl.UInt8, "wheelchair": pl.UInt8, "coach": pl.UInt8,
    "shape": pl.String,
}  # fmt: skip


def read_graph(connection: psycopg.Connection) -> StreetGraph:
    """Read the streets of the extract in service as a graph; an empty one when there is none."""
    return build_graph(read_streets(connection))


def read_hilly_graph(connection: psycopg.Connection, heights: Heights) -> tuple[StreetGraph, Relief]:
    """Read the streets of the extract in service as a graph on the heights of the land, and those of its edges."""
    return build_hilly_graph(read_streets(connection), heights)


def read_streets(connection: psycopg.Connection) -> Streets:
    """Read the streets of the extract in service; no rows when there is none.

    Parameters
    ----------
    connection : psycopg.Connection
        With our search path; a transaction of its own is opened, in which all tables are of one version.
    """
    connection.rollback()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(
            "LOCK street_node_versions, street_edge_versions, turn_restriction_versions IN ACCESS SHARE MODE"
        )
        nodes = pl.concat(_copy_out(connection, NODES, NODE_COLUMNS))
        parts, counts, points = [], [], []
        for part in _copy_out(connection, EDGES, EDGE_COLUMNS):
            raw = part["shape"].str.decode("hex").to_list()
            counts.append(np.array([len(one) for one in raw], np.int64) // 16)
            points.append(np.frombuffer(b"".join(raw), np.float64).reshape(-1, 2))
            parts.append(part.drop("shape"))
        edges = pl.concat(parts)
        restrictions = [Restriction(*row) for row in connection.execute(RESTRICTIONS).fetchall()]
    name = edges["name"].fill_null("")
    names = pl.concat([pl.Series([""]), name]).unique().sort()
    codes = pl.DataFrame({"name": names}).with_row_index("code")
    return Streets(
        node_id=nodes["id"].to_numpy(),
        node_osm=nodes["osm"].to_numpy(),
        node_lon=nodes["lon"].to_numpy(),
        node_lat=nodes["lat"].to_numpy(),
        node_passable=nodes["passable"].to_numpy(),
        edge_way=edges["way"].to_numpy(),
        edge_from=edges["from"].to_numpy(),
        edge_to=edges["to"].to_numpy(),
        edge_metres=edges["metres"].to_numpy(),
        edge_class=edges["class"].to_numpy().astype(np.str_),
        edge_name=name.to_frame("name")
        .join(codes, on="name", maintain_order="left")["code"]
        .to_numpy()
        .astype(np.int32),
        edge_directions=edges.select("foot", "bicycle", "car", "coach").to_numpy(),
        edge_kmh=edges.select("forward", "backward").to_numpy(),
        edge_seconds=edges["seconds"].fill_null(float("nan")).to_numpy(),
        edge_flags=edges["flags"].to_numpy(),
        edge_wheelchair=edges["wheelchair"].to_numpy(),
        shape_first=np.concatenate([[0], np.cumsum(np.concatenate(counts))]),
        shape_points=np.concatenate(points),
        names=names.to_list(),
        restrictions=restrictions,
    )


def _copy_out(
    connection: psycopg.Connection, query: str, columns: Mapping[str, type[pl.DataType]]
) -> list[pl.DataFrame]:
    """Read a COPY as frames of bounded size; at least one, maybe empty."""
    frames = [pl.DataFrame(schema=columns)]
    pending = io.BytesIO()
    with connection.cursor().copy(query) as copy:
        for row in copy:
            pending.write(row)
            if pending.tell() > CHUNK_BYTES:
                frames.append(_parse(pending, columns))
                pending = io.BytesIO()
    if pending.tell():
        frames.append(_parse(pending, columns))
    return frames


def _parse(rows: io.BytesIO, columns: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    rows.seek(0)
    return pl.read_csv(rows, has_header=False, new_columns=list(columns), schema_overrides=columns)
