"""What tests of on-demand transport share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ondemand.taxi_town import TaxiTown, open_town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine


@pytest.fixture
def taxi_town(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A village with a taxi, on a Tuesday at seven."""
    with open_town(engine, home, database_url) as town:
        yield town
