"""``python -m mobigo.cli.warm``: compile the kernels while the database starts and loads."""

from __future__ import annotations


def warm() -> None:
    """Run every room's kernels once on next to nothing; numba keeps what it compiled on disk."""
    from mobigo.street import routing as street_routing
    from mobigo.transit import routing as transit_routing

    street_routing.warm()
    transit_routing.warm()


if __name__ == "__main__":
    warm()
