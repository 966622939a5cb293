"""Does backfills: claim, ask, ingest, look again, settle. What is left is vacant, tried again, or dead."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter

from market_data.backfill.find import expected, missing
from market_data.errors import NoProvider, ProviderAnswer, StoreUnavailable
from market_data.events import BackfillEnded, Tell
from market_data.gather import Gather
from market_data.market.instrument import Instrument, Tier
from market_data.market.span import Span, common
from market_data.provider import Query
from market_data.settings import InForce
from market_data.store import ledger, universe, vacancies
from market_data.store.connect import Database
from market_data.store.ledger import Claimed

POLL_SECONDS = 1.0
"""How often the ledger is looked at."""
DEADLINE_SECONDS = 120.0
"""How long one question of a backfill may take, with waiting for budgets."""
MOST_ATTEMPTS = 5
"""Attempts after which a backfill is a dead letter."""
MOST_CLAIMS = 3 * MOST_ATTEMPTS
"""Claims after which one whose workers all died is a dead letter too: it may be what kills them."""
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 1800.0
"""Seconds before the second attempt, doubled for each further one, up to the longest; with jitter."""
SPENT_PAUSE = 30.0
"""Seconds before a backfill is tried again that nobody had the budget for: that is no attempt."""
STOP_SECONDS = 10.0
"""How long backfills under way may take to end when the service stops; then they are handed back."""
TURNS = (Tier.T0,) * 4 + (Tier.T1,) * 2 + (Tier.T2,)
"""Whose turn it is to start one: T2 moves while T0 is busy."""
NOT_ITS_FAULT = frozenset({"budget", "throttled", "excluded", "deadline"})
"""Codes of answers that say nothing of the question: nobody was asked."""


class Worker:
    """One replica's share of the ledger."""

    def __init__(
        self,
        *,
        database: Database,
        gather: Gather,
        in_force: InForce,
        owner: str,
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._gather = gather
        self._roster = gather.router.roster
        self._in_force = in_force
        self._owner = owner
        self._tell = tell
        self._clock = clock
        self._turns: Iterator[Tier] = cycle(TURNS)
        self._running: dict[asyncio.Task[None], Claimed] = {}

    @property
    def _lease(self) -> float:
        return self._in_force.settings.backfill_lease_sec

    async def run(self) -> None:
        """Claim and do backfills until cancelled; StoreUnavailable when the ledger cannot be reached."""
        keeping = asyncio.create_task(self._keep_leases())
        try:
            while True:
                pause = await self._start_some()
                await asyncio.sleep(pause)
        finally:
            keeping.cancel()
            await self._stop()

    async def _start_some(self) -> float:
        """Start the next backfill, of the tier whose turn it is or of the next that has one.

        Returns the seconds until the next may be started. One of which nothing is missing any more is
        settled at once: nobody is asked for it, so those behind it need not wait.
        """
        for _ in TURNS:
            tier = next(self._turns)
            under_way = sum(one.tier is tier for one in self._running.values())
            if under_way >= self._in_force.settings.backfill_concurrency(tier):
                continue
            for claimed in await ledger.claim(self._database, self._owner, tier, 1, self._lease):
                if await self._came_by_itself(claimed):
                    return 0.0
                task = asyncio.create_task(self._do(claimed))
                self._running[task] = claimed
                task.add_done_callback(self._running.pop)
                return 1 / self._in_force.settings.backfill_dispatch_rate_per_sec
        return POLL_SECONDS

    async def _came_by_itself(self, claimed: Claimed) -> bool:
        """Settle a backfill of which nothing is missing any more, if that is so."""
        if claimed.restated_by is not None or claimed.attempts > MOST_CLAIMS:
            return False
        instrument = await universe.find(self._database, claimed.symbol)
        if instrument is None or await self._left(claimed, instrument):
            return False
        started = perf_counter()
        self._ended(claimed, await self._close(claimed, None, ()), started)
        return True

    async def _keep_leases(self) -> None:
        """Extend the leases of what is under way; what has gone to another is let go."""
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(StoreUnavailable):  # then they run out, and whoever sees the ledger claims them
                ids = [one.id for one in self._running.values()]
                own = await ledger.extend(self._database, self._owner, ids, self._lease)
                for task, claimed in list(self._running.items()):
                    if claimed.id in ids and claimed.id not in own:
                        task.cancel()

    async def _stop(self) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=STOP_SECONDS)
        left = [self._running[task] for task in late]
        for task in late:
            task.cancel()
        with suppress(StoreUnavailable):
            for one in left:
                await ledger.settle(self._database, one, self._owner, status="queued", free=True)

    async def _do(self, claimed: Claimed) -> None:
        started = perf_counter()
        with suppress(StoreUnavailable):  # its lease runs out, and it is claimed again
            self._ended(claimed, await self._attempt(claimed), started)

    def _ended(self, claimed: Claimed, how: tuple[ledger.Status, int, str], started: float) -> None:
        status, vacant, detail = how
        elapsed = (perf_counter() - started) * 1000
        of = (claimed.id, claimed.tier, claimed.symbol)
        self._tell(BackfillEnded(*of, status, claimed.attempts, vacant, elapsed, detail))

    async def _attempt(self, claimed: Claimed) -> tuple[ledger.Status, int, str]:
        """Do one attempt and settle it: the new status, the vacant spans, and what was wrong."""
        instrument = await universe.find(self._database, claimed.symbol)
        if instrument is None or claimed.attempts > MOST_CLAIMS:
            gone = "the universe does not hold it any more"
            why = gone if instrument is None else "its workers died, each time that it was tried"
            return await self._settled(claimed, "dead", why)
        said: list[ProviderAnswer] = []
        try:
            vacant = await self._healed(claimed, instrument, said)
        except NoProvider as error:
            said += error.answers
            if all(one.code in NOT_ITS_FAULT for one in error.answers):
                return await self._settled(claimed, "queued", str(error), said, free=True, wait=SPENT_PAUSE)
            return await self._failed(claimed, str(error), said)
        except _NotBelieved as error:
            return await self._failed(claimed, str(error), said)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one must not keep the others from being done
            return await self._failed(claimed, f"{type(error).__name__}: {error}", said)
        return await self._close(claimed, vacant, said)

    async def _healed(
        self, claimed: Claimed, instrument: Instrument, said: list[ProviderAnswer]
    ) -> "_Vacant | None":
        """Ask for what is missing and take it in; what is still missing then never was, as those asked agree.

        Until nothing is missing the next is asked, until two who are able agree that nothing traded there.
        Where only one is able, its word is enough. Raises NoProvider if nobody could be asked, _NotBelieved
        if what is missing was told but rejected, or if nobody's depth and delay reach it.
        """
        if claimed.restated_by is not None:
            await self._restated(claimed, claimed.restated_by, instrument, said)
            return None
        left = await self._left(claimed, instrument)
        if not left:
            return None  # it came by itself, or with an attempt before
        first = self._query(claimed, instrument, Span(left[0].start, left[-1].end))
        name, doubted = await self._asked(first, instrument.exchange, (), said)
        asked, voters, disbelieved = {name}, list[str](), list[str]()
        left = await self._left(claimed, instrument)
        while left:
            query = self._query(claimed, instrument, Span(left[0].start, left[-1].end))
            able = self._roster.could(query, extended=self._in_force.settings.gap_extended_hours)
            if doubted:  # it has something there, so that it is no witness that nothing traded
                disbelieved.append(f"{doubted} bars of {name} were rejected")
            elif name in able:
                voters.append(name)
            if len(voters) > 1 or asked >= set(able):
                break
            others = [one for one in self._roster.providers if one not in able or one in asked]
            name, doubted = await self._asked(query, instrument.exchange, others, said)
            asked.add(name)
            left = common(left, await self._left(claimed, instrument))
        if left and disbelieved:
            raise _NotBelieved("; ".join(disbelieved))
        if left and not voters:
            raise _NotBelieved("nobody is able to tell: beyond the depth or the delay of every provider")
        return _Vacant(left, voters) if left else None

    async def _restated(
        self, claimed: Claimed, provider: str, instrument: Instrument, said: list[ProviderAnswer]
    ) -> None:
        """Have one provider tell all of the span again; what is missing of it then, the next scan finds."""
        others = [one for one in self._roster.providers if one != provider]
        query = self._query(claimed, instrument, claimed.span)
        _, doubted = await self._asked(query, instrument.exchange, others, said, restates=True)
        if doubted:
            raise _NotBelieved(f"{doubted} bars of {provider} were rejected")

    async def _asked(
        self,
        query: Query,
        exchange: str,
        without: Sequence[str],
        said: list[ProviderAnswer],
        *,
        restates: bool = False,
    ) -> tuple[str, int]:
        """Ask and take the answer in; returns who gave it, and how many of its bars are not believed.

        `said` gets what everyone said.
        """
        rows = self._in_force.settings.backfill_batch_size
        gathered = await self._gather.bars(
            query,
            exchange,
            DEADLINE_SECONDS,
            without=without,
            trust_empty=True,  # a second opinion is ours to ask for: the router would ask for it twice
            rows=rows,
            restates=restates,
        )
        answered = gathered.answered
        said += [*answered.before, ProviderAnswer(answered.provider, "ok", f"{gathered.bars} bars")]
        return answered.provider, gathered.taken.rejected + gathered.taken.held

    def _query(self, claimed: Claimed, instrument: Instrument, span: Span) -> Query:
        return self._gather.query(claimed.symbol, instrument.asset_type, claimed.interval, span)

    async def _left(self, claimed: Claimed, instrument: Instrument) -> list[Span]:
        """What is still missing of the backfill's span."""
        extended = self._in_force.settings.gap_extended_hours
        places = expected(instrument, claimed.interval, claimed.span, self._clock(), extended=extended)
        found = await missing(self._database, claimed.interval, [(claimed.symbol, one) for one in places])
        return found.get(claimed.symbol, [])

    async def _close(
        self,
        claimed: Claimed,
        vacant: "_Vacant | None",
        said: Sequence[ProviderAnswer],
    ) -> tuple[ledger.Status, int, str]:
        """Note what is vacant, as far as no bar has come meanwhile, and settle; in one transaction."""
        spans: list[Span] = []
        async with self._database.transaction() as connection:
            if vacant is not None:
                found = await missing(
                    connection, claimed.interval, [(claimed.symbol, one) for one in vacant.spans]
                )
                spans = found.get(claimed.symbol, [])
                await vacancies.put(
                    connection,
                    claimed.symbol,
                    claimed.interval,
                    spans,
                    providers=vacant.agreed,
                    as_of=self._clock(),
                )
            await ledger.settle(connection, claimed, self._owner, status="done", answers=said)
        return "done", len(spans), ""

    async def _failed(
        self, claimed: Claimed, why: str, said: Sequence[ProviderAnswer]
    ) -> tuple[ledger.Status, int, str]:
        if claimed.attempts >= MOST_ATTEMPTS:
            return await self._settled(claimed, "dead", why, said)
        pause = min(FIRST_PAUSE * 2 ** (claimed.attempts - 1), LONGEST_PAUSE)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return await self._settled(claimed, "queued", why, said, wait=pause * jitter)

    async def _settled(
        self,
        claimed: Claimed,
        status: ledger.Status,
        why: str,
        said: Sequence[ProviderAnswer] = (),
        *,
        free: bool = False,
        wait: float = 0.0,
    ) -> tuple[ledger.Status, int, str]:
        await ledger.settle(
            self._database, claimed, self._owner, status=status, error=why, answers=said, free=free, wait=wait
        )
        return status, 0, why


@dataclass(frozen=True, slots=True)
class _Vacant:
    """Spans in which nothing traded, as these providers agree."""

    spans: list[Span]
    agreed: list[str]


class _NotBelieved(Exception):
    """What is missing stays missing, and not because nothing traded."""
