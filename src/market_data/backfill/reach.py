"""What of a backfill is older than any provider's history; pure."""

from dataclasses import dataclass
from math import ceil

from market_data.market.capability import CAPABILITIES
from market_data.market.instrument import Instrument
from market_data.market.span import Span, moment
from market_data.provider import Query
from market_data.route.roster import Roster
from market_data.store.ledger import Claimed

BEYOND = "older than any provider's history"
"""How the reason of a dead letter begins that nobody can be asked for."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """The part of a span that no provider reaches, and why."""

    span: Span
    why: str


def beyond(roster: Roster, claimed: Claimed, instrument: Instrument) -> Beyond | None:
    """The older part of a backfill that nobody can be asked for; None if somebody reaches all of it."""
    now, step = roster.now(), claimed.interval.seconds
    query = Query(CAPABILITIES[claimed.interval], claimed.symbol, instrument.asset_type, claimed.span, now)
    since = roster.reaches_back(query)
    if since is None:
        if roster.serves(query):  # refused at this moment: the router says until when
            return None
        return Beyond(
            claimed.span,
            f"{BEYOND}: no enabled provider has {query.capability} of {instrument.asset_type} symbols",
        )
    first = ceil(since / step) * step
    if first <= claimed.span.start:
        return None
    farthest, depth = max(roster.depths(query).items(), key=lambda one: one[1] or 0.0)
    text = (
        f"{BEYOND}: of those that can be asked {farthest} reaches back farthest, "
        f"{(depth or 0.0) / 86_400:g} days, to {moment(first):%Y-%m-%dT%H:%MZ}"
    )
    return Beyond(Span(claimed.span.start, min(first, claimed.span.end)), text)
