"""What a ride costs by a pricing plan, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mobigo.sharing.tariff import estimate_ride

PER_MINUTE = {"per_min_pricing": [{"start": 0, "rate": 0.25, "interval": 1}]}


@pytest.mark.parametrize(
    ("plan", "seconds", "metres", "cents"),
    [
        ({"price": 1}, 600, 3000, 100),
        ({"price": "1.50", **PER_MINUTE}, 600, 0, 150 + 10 * 25),
        ({"price": 0, **PER_MINUTE}, 601, 0, 11 * 25),  # the eleventh minute is begun
        # half an hour free, then 1 € per half hour begun
        ({"price": 0, "per_min_pricing": [{"start": 30, "rate": 1, "interval": 30}]}, 1799, 0, 0),
        ({"price": 0, "per_min_pricing": [{"start": 30, "rate": 1, "interval": 30}]}, 1800, 0, 100),
        ({"price": 0, "per_min_pricing": [{"start": 30, "rate": 1, "interval": 30}]}, 3601, 0, 200),
        # once, and only up to an hour
        ({"price": 0, "per_min_pricing": [{"start": 0, "rate": 2, "interval": 0, "end": 60}]}, 9000, 0, 200),
        ({"price": 0, "per_min_pricing": [{"start": 0, "rate": 1, "interval": 15, "end": 60}]}, 9000, 0, 400),
        ({"price": 1, "per_km_pricing": [{"start": 0, "rate": 0.4, "interval": 1}]}, 60, 2500, 100 + 3 * 40),
        ({"price": "free"}, 60, 100, None),
        ({"price": None}, 60, 100, None),
        ({"price": 1, "per_min_pricing": [{"rate": 1}]}, 60, 100, None),
        ({"price": -1}, 60, 100, None),
        ({"price": "NaN"}, 60, 100, None),
    ],
)
def test_estimates(plan: dict[str, Any], seconds: int, metres: float, cents: int | None) -> None:
    assert estimate_ride(plan, seconds, metres) == cents
