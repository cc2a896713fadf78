"""The town, once for all tests of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.town import open_town

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.town import Town


@pytest.fixture(scope="session")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Serve the town."""
    with open_town(test_cluster, tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def session(town: Town) -> Iterator[Session]:
    """A session in the town's database."""
    with Session(town.engine) as session:
        yield session
