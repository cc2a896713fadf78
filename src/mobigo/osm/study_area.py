"""A study area by name, taken from OpenStreetMap's own servers through OSMnx; needs the internet."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import NotFound, Unavailable
from mobigo.osm.access import RELEVANT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAY_TAGS = sorted(RELEVANT | {"name", "ref", "addr:housenumber", "addr:street"})
NODE_TAGS = ["barrier", "access", "foot", "bicycle", "motor_vehicle", "vehicle", "locked", "highway", "ref", "name"]
"""What is kept of ways and nodes."""


def save_place(name: str, folder: Path) -> Path:
    """Save the streets of a place as an ``.osm`` file.

    Raises
    ------
    NotFound
        When OpenStreetMap knows no area of that name.
    Unavailable
        When its servers cannot be reached.
    """
    import osmnx  # noqa: PLC0415  imports half of geopandas, for one command
    import requests  # noqa: PLC0415

    path = folder / "place.osm"
    with _settings(osmnx.settings):
        try:
            graph = osmnx.graph_from_place(name, network_type="all", simplify=False, retain_all=True)
        except requests.exceptions.RequestException as error:
            raise Unavailable(
                f"OpenStreetMap's servers cannot be reached ({type(error).__name__}), so {name!r} cannot be taken from "
                "them; go online, or load an extract from a file"
            ) from error
        except (TypeError, ValueError, osmnx._errors.InsufficientResponseError) as error:  # noqa: SLF001  its only home
            raise NotFound(
                f"OpenStreetMap knows no area {name!r} ({error}); write it like Semur-en-Auxois, France"
            ) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas to OSMnx; the person who loads can do nothing about them
            osmnx.save_graph_xml(graph, path)
    return path


@contextmanager
def _settings(settings: Any) -> Iterator[None]:  # noqa: ANN401  a module
    """Set OSMnx for a study area, and as it was afterwards."""
    wanted = {
        "all_oneway": True,  # ways stay as they are drawn; save_graph_xml asks for it
        "use_cache": False,
        "useful_tags_way": WAY_TAGS,
        "useful_tags_node": NODE_TAGS,
        "requests_timeout": 60,
    }
    former = {key: getattr(settings, key) for key in wanted}
    for key, value in wanted.items():
        setattr(settings, key, value)
    try:
        yield
    finally:
        for key, value in former.items():
            setattr(settings, key, value)
