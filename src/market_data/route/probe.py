"""A small question about a symbol that every provider has, to learn whether it answers at all."""

from collections.abc import Mapping

from market_data.calendar import hours_of
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Query, Reach

PROBES: Mapping[AssetType, str] = {AssetType.EQUITY: "AAPL", AssetType.CRYPTO: "BTC-USD"}
"""The symbol that is asked for, by the first kind of these that the provider has."""
PROBE_BARS = 30
"""How many bars are asked for."""


def probe(capability: Capability, reach: Reach, now: float) -> Query:
    """The question of `capability`, at `now` (epoch seconds), for the newest bars that must exist by then."""
    kind = next((kind for kind in PROBES if kind in reach.asset_types), AssetType.EQUITY)
    settled = now - reach.delay
    labels = hours_of("US", kind).regular.last_labels(settled, capability.interval or Interval.M1, PROBE_BARS)
    query = Query(capability, PROBES[kind], kind, Span(int(labels[0]), int(labels[-1]) + 1), now)
    return query.of(reach.told(query) or query.span)
