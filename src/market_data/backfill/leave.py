"""Leaves what a forced backfill could not settle to one that asks for no more than that."""

from collections.abc import Sequence

from market_data.backfill.plan import chunks, longest_chunk
from market_data.market.span import Span
from market_data.settings import Settings
from market_data.store import ledger
from market_data.store.connect import Connection
from market_data.store.ledger import Claimed, New


async def leave(
    connection: Connection, claimed: Claimed, left: Sequence[Span], wait: float, settings: Settings
) -> None:
    """Queue what is left of a forced backfill, but for what another one asks for already.

    All of its span was asked for again. To put it off would do so each time, and keep an operator's wish for
    the same span waiting. Within the caller's transaction, which is to settle it.
    """
    await ledger.lock(connection)
    unfinished = (await ledger.unfinished(connection, [claimed.symbol], claimed.interval)).get(claimed.symbol)
    others = [one for one in unfinished or () if not one.forced]
    longest = longest_chunk(claimed.interval, settings.backfill_chunk_minutes)
    rest = chunks(left, others, claimed.interval, longest)
    if rest.wider:
        await ledger.widen(connection, rest.wider)
    if rest.new:
        new = [New(claimed.symbol, one, claimed.tier, wait=wait) for one in rest.new]
        await ledger.add(connection, claimed.interval, new)
