"""What a server asks for that has no time now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(days=1)
"""That a server may ask for by Retry-After."""


def read_retry_after(text: str | None) -> timedelta:
    """Read what a server asks for: seconds or a date; nothing that cannot be read, and at most a day."""
    if not text:
        return timedelta(0)
    try:
        if text.strip().isdigit():
            asked = timedelta(seconds=min(int(text), LONGEST.total_seconds()))
        else:
            asked = parsedate_to_datetime(text) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return min(max(asked, timedelta(0)), LONGEST)
