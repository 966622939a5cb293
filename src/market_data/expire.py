"""Deletes what is too old, a little at a time, by one replica at a time."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from market_data.events import Expired, RetentionSet, Tell
from market_data.market.span import moment
from market_data.route.vendor_time import VendorTime
from market_data.settings import InForce, Settings
from market_data.store import quarantine, retention
from market_data.store.connect import Connection, Database
from market_data.store.retention import RULES, Rule

LOOK_SECONDS = 600.0
"""Pause between two turns."""
UNKNOWN_SECONDS = 5.0
"""Seconds between two checks whether a provider has sent its time."""
REST_SECONDS = 0.2
"""Pause between two statements, so that what serves has the server for most of the time."""
RULE_SECONDS = 60.0
"""How long one turn is busy with one rule; the rest is left to the next turn."""
DAY_SECONDS = 86_400


@dataclass(slots=True)
class Partials:
    """How far this process has looked through the revisions for partial values that are not kept any more.

    None are written now, so once through is enough: what a former version or setting has left.
    """

    page: int | None = 0
    """The page to go on with; None: all have been looked through."""

    async def delete(self, connection: Connection, settings: Settings) -> int:
        """Delete partial values for RULE_SECONDS at most; how many."""
        if settings.keep_partial_revisions:
            self.page = 0
            return 0
        found, until = 0, monotonic() + RULE_SECONDS
        while self.page is not None and monotonic() < until:
            gone, self.page = await retention.delete_partials(connection, self.page)
            found += gone
            await asyncio.sleep(REST_SECONDS)
        return found


async def run(database: Database, in_force: InForce, tell: Tell, vendor_time: VendorTime) -> None:
    """Delete what is too old again and again, until cancelled; StoreUnavailable without the database.

    While no provider has sent its time nothing is: by a clock that is years ahead all would be too old.
    """
    partials = Partials()
    while True:
        if not vendor_time.offset().known:
            await asyncio.sleep(UNKNOWN_SECONDS)
            continue
        await turn(database, in_force.settings, tell, vendor_time.now(), partials)
        await asyncio.sleep(LOOK_SECONDS)


async def turn(
    database: Database, settings: Settings, tell: Tell, now: float, partials: Partials | None = None
) -> None:
    """Delete what is too old at `now` (epoch seconds); nothing while another replica does."""
    async with database.connection() as connection:
        if not await retention.lock(connection):
            return
        try:
            for policy in await retention.follow(connection, settings):
                tell(RetentionSet(policy.table, policy.days))
            for rule in RULES:
                if days := rule.setting(settings):
                    _say(tell, rule.table, await _apply(connection, rule, moment(now - days * DAY_SECONDS)))
                if rule.name == "rejected" and (oldest := await retention.oldest_rejected(connection)):
                    _say(tell, rule.table, await _apply(connection, rule, oldest))
            if partials is not None:
                _say(tell, "candle_revisions", await partials.delete(connection, settings))
        finally:
            await retention.unlock(connection)
    await quarantine.expire(database, now)


async def _apply(connection: Connection, rule: Rule, before: datetime) -> int:
    """Delete what a rule says, for RULE_SECONDS at most; how many rows."""
    found, until = 0, monotonic() + RULE_SECONDS
    while gone := await retention.delete(connection, rule, before):
        found += gone
        if gone < retention.AT_ONCE or monotonic() >= until:
            break
        await asyncio.sleep(REST_SECONDS)
    return found


def _say(tell: Tell, table: str, rows: int) -> None:
    if rows:
        tell(Expired(table, rows))
