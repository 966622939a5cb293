"""Asks for quotes, stores them, and tells them to whoever follows."""

from collections.abc import Callable, Sequence

from market_data.errors import StoreUnavailable
from market_data.events import Tell
from market_data.loops import failed
from market_data.market.bar import Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query
from market_data.queue import Job
from market_data.route.many import quotes_of
from market_data.route.router import Router
from market_data.store import quotes
from market_data.store.connect import Database
from market_data.store.quotes import KnownQuote
from market_data.ticker import Ticker


class Quoter:
    """From a question for quotes to what is stored and told."""

    def __init__(
        self, *, router: Router, database: Database, ticker: Ticker, tell: Tell, clock: Callable[[], float]
    ) -> None:
        self._router = router
        self._database = database
        self._ticker = ticker
        self._tell = tell
        self._clock = clock

    async def one(self, symbol: str, asset_type: AssetType, *, trials: bool = True) -> KnownQuote:
        """The newest quote of a symbol; somebody waits for it.

        Without `trials` a provider that waits for its trial comes last. Raises NoProvider if nobody could
        serve it, StoreUnavailable if it could not be written.
        """
        now = self._clock()
        query = Query(Capability.QUOTES_L1, symbol, asset_type, Span(int(now), int(now) + 1), now)
        answered = await self._router.ask(query, self._deadline(now), trials=trials)
        assert isinstance(answered.answer, Quote)  # noqa: S101 - the contract of a provider
        known = quotes.known(answered.answer, answered.provider, self._clock())
        await self._keep([known])
        return known

    async def many(self, job: Job) -> str:
        """The quotes that a job names; who told the first. Raises as `one` does, NoProvider if none came."""
        now = self._clock()
        found = await quotes_of(
            self._router,
            job.symbols,
            job.asset_type,
            now=now,
            deadline=self._deadline(now),
            hint=job.provider_hint,
        )
        at = self._clock()
        await self._keep([quotes.known(quote, provider, at) for quote, provider in found.told.values()])
        return next(provider for _, provider in found.told.values())

    def _deadline(self, now: float) -> float:
        return now + self._router.settings.call_timeout_sec

    async def _keep(self, told: Sequence[KnownQuote]) -> None:
        new = await quotes.write(self._database, told)
        try:
            await self._ticker.publish(new)
        except StoreUnavailable as error:  # it is stored, and the next one is told
            self._tell(failed("ticker", error))
