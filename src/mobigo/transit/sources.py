"""Who publishes what is loaded, until when it is valid, and how it must be credited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

SOURCES = text("""
    SELECT DISTINCT ON (version.source) version.source, version.id,
        CASE WHEN version.id = feed.active_version THEN 'active' ELSE version.status END,
        version.loaded_at, version.first_day, version.last_day, version.counts, to_jsonb(feed_info) - 'version_id',
        coalesce(
            (
                SELECT jsonb_agg(to_jsonb(attributions) ORDER BY organization_name, attribution_id)
                FROM attributions WHERE attributions.version_id = version.id
            ),
            '[]'
        )
    FROM feed_version AS version
    JOIN feed ON feed.source = version.source
    LEFT JOIN LATERAL (SELECT * FROM feed_info WHERE feed_info.version_id = version.id LIMIT 1) AS feed_info ON true
    ORDER BY version.source, version.id IS NOT DISTINCT FROM feed.active_version DESC, version.id DESC
""")
"""The version in service of each source; the newest one of a source that has none in service."""

LICENCE_COLUMNS = ("feed_license", "feed_licence", "license", "licence", "license_url", "licence_url")
"""GTFS has no column for the licence; some publishers add one."""


@dataclass(frozen=True)
class Attribution:
    """Somebody to credit."""

    name: str
    roles: tuple[str, ...]
    """Of ``producer``, ``operator``, ``authority``."""
    url: str | None
    email: str | None


@dataclass(frozen=True)
class Source:
    """A feed as it is loaded."""

    source: str
    version: int
    status: str
    """``active``, or ``rejected`` when no version of it is in service."""
    loaded_at: datetime
    first_day: date | None
    last_day: date | None
    counts: dict[str, int]
    publisher: str | None
    publisher_url: str | None
    language: str | None
    feed_version: str | None
    """What the publisher calls this version."""
    contact: str | None
    licence: str | None
    attributions: tuple[Attribution, ...]

    def is_expired(self, today: date) -> bool:
        """Tell whether its last day of service is past."""
        return self.last_day is not None and self.last_day < today


def list_sources(session: Session) -> list[Source]:
    """List every source that was ever loaded."""
    return [_source(*row) for row in session.execute(SOURCES)]


def _source(  # noqa: PLR0917 - a row
    source: str,
    version: int,
    status: str,
    loaded_at: datetime,
    first_day: date | None,
    last_day: date | None,
    counts: dict[str, int],
    info: dict[str, Any] | None,
    attributions: list[dict[str, Any]],
) -> Source:
    told = info or {}
    extra = told.get("extra") or {}
    return Source(
        source=source,
        version=version,
        status=status,
        loaded_at=loaded_at,
        first_day=first_day,
        last_day=last_day,
        counts=counts,
        publisher=told.get("feed_publisher_name"),
        publisher_url=told.get("feed_publisher_url"),
        language=told.get("feed_lang"),
        feed_version=told.get("feed_version"),
        contact=told.get("feed_contact_url") or told.get("feed_contact_email"),
        licence=next((str(extra[name]) for name in LICENCE_COLUMNS if extra.get(name)), None),
        attributions=tuple(
            Attribution(
                name=one["organization_name"],
                roles=tuple(role for role in ("producer", "operator", "authority") if one.get(f"is_{role}") == 1),
                url=one.get("attribution_url"),
                email=one.get("attribution_email"),
            )
            for one in attributions
        ),
    )
