"""For how long rows are kept: deletes what is too old, and sets TimescaleDB's policies by the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from market_data.settings import Settings
from market_data.store.connect import Connection, Database, sql

AT_ONCE = 5_000
"""Rows that one statement deletes: some tens of milliseconds."""
PAGES_AT_ONCE = 1_000
"""Pages of 8 kB that one statement looks through for partial values."""
MOST_REJECTED = 1_000_000
"""Rejected bars that are kept, however young: some 200 MB. Those that were sent longest ago go first."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` are deleted by sql/expire_`name`.sql when they are older than a setting says."""

    name: str
    table: str
    setting: Callable[[Settings], int]
    """Days; 0: they are kept for ever."""


RULES = (
    Rule("quotes", "quotes_l1", lambda of: of.quotes_keep_days),
    Rule("minutes", "candles_intraday", lambda of: of.minutes_keep_days),
    Rule("vacancies", "vacancies", lambda of: of.minutes_keep_days),
    Rule("revisions", "candle_revisions", lambda of: of.revisions_keep_days),
    Rule("cursor_history", "cursor_history", lambda of: of.cursor_history_keep_days),
    Rule("rejected", "rejected_bars", lambda of: of.rejected_keep_days),
    Rule("backfills", "backfill_jobs", lambda of: of.backfills_keep_days),
    Rule("dead_letters", "backfill_jobs", lambda of: of.dead_letters_keep_days),
    Rule("universe", "universe_history", lambda of: of.universe_keep_days),
    Rule("versions", "universe_versions", lambda of: of.universe_keep_days),
)
"""What is deleted because of its age. On TimescaleDB policies drop quotes, minutes and revisions instead."""
BY_POLICY: dict[str, tuple[str, Callable[[Settings], int]]] = {
    "quotes_l1": ("QUOTES_KEEP_DAYS", lambda of: of.quotes_keep_days),
    "candle_revisions": ("REVISIONS_KEEP_DAYS", lambda of: of.revisions_keep_days),
}
"""The hypertables whose retention policy follows a setting, as long as no operator has changed it by hand."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The retention of a hypertable. `days` 0: it drops nothing; `by_hand`: no setting changes it."""

    table: str
    days: float
    by_hand: bool


async def lock(connection: Connection) -> bool:
    """Whether the caller deletes what is old from now on, until `unlock`; False where another does."""
    return bool(await connection.fetchval(sql("expire_lock")))


async def unlock(connection: Connection) -> None:
    """Let another delete what is old."""
    await connection.execute(sql("expire_unlock"))


async def delete(connection: Connection, rule: Rule, before: datetime) -> int:
    """Delete at most AT_ONCE rows that are older than a moment; how many that were."""
    return int(await connection.fetchval(sql(f"expire_{rule.name}"), before, AT_ONCE))


async def oldest_rejected(connection: Connection) -> datetime | None:
    """When the MOST_REJECTED-th newest rejected bar was last sent; None where there are fewer."""
    found: datetime | None = await connection.fetchval(sql("rejected_oldest_kept"), MOST_REJECTED)
    return found


async def delete_partials(connection: Connection, page: int) -> tuple[int, int | None]:
    """Delete the partial values on the next PAGES_AT_ONCE pages; how many, and the page to go on with."""
    row = await connection.fetchrow(sql("expire_partials"), page, page + PAGES_AT_ONCE)
    assert row is not None  # noqa: S101 - it counts
    page += PAGES_AT_ONCE
    return row["gone"], page if page < row["pages"] else None


async def policies(connection: Connection | Database) -> list[Policy]:
    """The retention of each hypertable of bars, revisions and quotes; none without TimescaleDB."""
    if not await connection.fetch(sql("retention_known")):
        return []
    rows = await connection.fetch(sql("retention_policies"))
    return [Policy(row["table"], row["days"], row["by_hand"]) for row in rows]


async def follow(connection: Connection, settings: Settings) -> list[Policy]:
    """Set the policies that no operator has changed to what the settings say; those that were changed."""
    changed = []
    for policy in await policies(connection):
        wanted = BY_POLICY[policy.table][1](settings) if policy.table in BY_POLICY else policy.days
        if not policy.by_hand and policy.days != wanted:
            await connection.execute(sql("retention_follow"), policy.table, wanted)
            changed.append(Policy(policy.table, wanted, by_hand=False))
    return changed
