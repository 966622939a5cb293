"""Versions of the universe: a tag, where it came from, and the moment whose universe it is."""

import json
from collections.abc import Mapping
from datetime import datetime

import asyncpg
import msgspec

from market_data.store.connect import Connection, Database, sql

MOST_LISTED = 500
"""Versions in one answer."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The universe as it was at `created_at`."""

    version_tag: str
    source_meta: Mapping[str, object]
    created_at: datetime
    content_hash: str | None  # SHA-256 of its members; None: recorded by hand
    members: int | None


async def listed(database: Database, limit: int = MOST_LISTED) -> list[Version]:
    """Versions, newest first."""
    return [_version(row) for row in await database.fetch(sql("versions_listed"), limit)]


async def find(database: Database, tag: str) -> Version | None:
    """One version; None if there is none of that tag."""
    row = await database.fetch_one(sql("versions_find"), tag)
    return _version(row) if row else None


async def newest(connection: Connection) -> Version | None:
    """The newest version."""
    row = await connection.fetchrow(sql("versions_listed"), 1)
    return _version(row) if row else None


async def renames(connection: Connection, since: datetime) -> list[tuple[str, str]]:
    """The renames after a moment, oldest first: the former symbol and the new one."""
    found = []
    for row in await connection.fetch(sql("versions_renames"), since):
        source = json.loads(row["source_meta"])
        told = source.get("renamed") or [[source["from"], source["to"]]]
        found += [(former, symbol) for former, symbol in told]
    return found


async def add(
    connection: Connection, tag: str, source: Mapping[str, object], content_hash: str, members: int
) -> Version | None:
    """Record what the universe is now; None, and no change, where the tag is taken."""
    row = await connection.fetchrow(sql("versions_add"), tag, json.dumps(source), content_hash, members)
    return _version(row) if row else None


def _version(row: asyncpg.Record) -> Version:
    return Version(**{**dict(row), "source_meta": json.loads(row["source_meta"])})
