"""Asks for the quotes of many symbols: those who tell several at once are asked for several at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from market_data.errors import NoProvider, ProviderAnswer, ProviderFault, Unsupported
from market_data.market.bar import Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query
from market_data.route.call import NoRoom, OutOfTime
from market_data.route.router import OnTrial, Router


@dataclass(slots=True)
class Many:
    """Quotes that came, by symbol with who told them, and what the others said."""

    told: dict[str, tuple[Quote, str]] = field(default_factory=dict)
    said: list[ProviderAnswer] = field(default_factory=list)


async def quotes_of(
    router: Router,
    symbols: Sequence[str],
    asset_type: AssetType,
    *,
    now: float,
    deadline: float,
    hint: str | None = None,
) -> Many:
    """The quotes of `symbols`, before `deadline` (epoch seconds); some may not come.

    Each provider is asked, as ranked, for what those before it did not tell, until one fails, or has no room.
    Raises NoProvider if none came at all, StoreUnavailable if the shared budgets cannot be reached.
    """
    found = Many()
    probe = router.roster.probe(Capability.QUOTES_L1, asset_type)
    ranking = router.roster.ranking(probe, hint=hint)
    for name in ranking.order:
        left = [one for one in symbols if one not in found.told]
        if not left:
            break
        try:
            await _asked(router, name, [_query(one, asset_type, now) for one in left], deadline, found)
        except OnTrial:
            found.said.append(ProviderAnswer(name, "excluded", "its trial is under way"))
        except OutOfTime:
            found.said.append(ProviderAnswer(name, "deadline", "no time was left to ask it"))
        except NoRoom as full:
            found.said.append(ProviderAnswer(name, "budget", f"its budget has room in {full.seconds:.1f} s"))
        except ProviderFault as fault:
            found.said.append(ProviderAnswer(name, fault.code, fault.detail))
    if not found.told:
        found.said += [ProviderAnswer(one.name, "excluded", one.reason) for one in ranking.excluded]
        raise NoProvider(f"quotes_l1 of {len(symbols)} symbols", found.said)
    return found


def _query(symbol: str, asset_type: AssetType, now: float) -> Query:
    return Query(Capability.QUOTES_L1, symbol, asset_type, Span(int(now), int(now) + 1), now)


async def _asked(router: Router, name: str, queries: Sequence[Query], deadline: float, found: Many) -> None:
    """Ask one provider for all; what it does not know is left to others. Raises what ends it."""
    size = router.roster.providers[name].at_once(queries[0])
    for piece in _pieces(queries, size):
        with router.trial(name, Capability.QUOTES_L1):
            if size > 1:
                told = await router.caller.quotes(name, piece, deadline)
            else:
                told = await _single(router, name, piece[0], deadline)
        found.told.update((symbol, (quote, name)) for symbol, quote in told.items())


async def _single(router: Router, name: str, query: Query, deadline: float) -> dict[str, Quote]:
    if router.roster.standings[name].cordon(query, query.now) is not None:
        return {}  # it is known not to have the symbol
    try:
        answer = (await router.caller.ask(name, query, deadline, {})).answer
    except Unsupported:
        return {}
    return {query.symbol: answer} if isinstance(answer, Quote) else {}


def _pieces(queries: Sequence[Query], size: int) -> Iterator[list[Query]]:
    rest = iter(queries)
    while piece := list(islice(rest, size)):
        yield piece
