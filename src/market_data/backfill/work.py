"""Does backfills: claim, heal, settle. What is left is vacant, put off, tried again, or dead."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import cycle
from time import perf_counter
from typing import NamedTuple

from market_data.backfill.heal import Healed, Healer, NotBelieved
from market_data.backfill.leave import leave
from market_data.backfill.reach import Beyond, beyond
from market_data.calendar import check_row
from market_data.errors import NoCalendar, NoProvider, ProviderAnswer, StoreUnavailable
from market_data.events import BackfillEnded, Tell
from market_data.gather import Gather
from market_data.loops import Tasks, each, helped
from market_data.market.instrument import Instrument, Tier
from market_data.market.span import Span
from market_data.settings import InForce
from market_data.store import ledger, universe, vacancies
from market_data.store.connect import Database
from market_data.store.ledger import Claimed

POLL_SECONDS = 1.0
"""How often the ledger is looked at."""
MOST_ATTEMPTS = 5
"""Attempts after which a backfill is a dead letter."""
MOST_CLAIMS = 3 * MOST_ATTEMPTS
"""Claims after which one whose workers all died is a dead letter too: it may be what kills them."""
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 1800.0
"""Seconds before the second attempt, doubled for each further one, up to the longest; with jitter."""
SPENT_PAUSE, LONGEST_SPENT = 30.0, 300.0
"""Seconds before a backfill is tried again that nobody had the budget for, doubled up to the longest: that is
no attempt."""
OUTAGE_PAUSE = 5.0
"""Seconds before a backfill is claimed again that an outage of a store kept from being done."""
UNPROVEN_PAUSE, LONGEST_UNPROVEN = 60.0, 6 * 3600.0
"""Seconds before bars that no provider knows yet are asked for again, doubled up to the longest."""
MOST_AGE = 10 * 86_400.0
"""Seconds for which a backfill's bars may be unknown to all providers; then it is a dead letter."""
UNKNOWN = "unknown symbol: no provider has ever sent a bar of it"
"""How the reason of a dead letter begins whose symbol nobody knows."""
STOP_SECONDS = 10.0
"""How long backfills under way may take to end when the service stops; then they are handed back."""
TURNS = (Tier.T0,) * 4 + (Tier.T1,) * 2 + (Tier.T2,)
"""Whose turn it is to start one: T2 moves while T0 is busy."""
NO_WITNESS = "no provider that knows the symbol has sent anything newer"
"""Why the silence of those asked proves nothing."""
NOT_ITS_FAULT = frozenset({"budget", "throttled", "excluded", "deadline"})
"""Codes of answers that say nothing of the question: nobody was asked."""


class Ended(NamedTuple):
    """How an attempt ended: the new status, the vacant spans, what was wrong, and the bug that it was."""

    status: ledger.Status
    vacant: int = 0
    detail: str = ""
    error: Exception | None = None


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
        self._roster = gather.router.roster
        self._healer = Healer(database, gather, in_force, clock)
        self._in_force = in_force
        self._owner = owner
        self._tell = tell
        self._turns: Iterator[Tier] = cycle(TURNS)
        self._running: Tasks[Claimed] = Tasks("backfill", tell)

    @property
    def _lease(self) -> float:
        return self._in_force.settings.backfill_lease_sec

    async def run(self) -> None:
        """Claim and do backfills until cancelled; StoreUnavailable when the ledger cannot be reached.

        However it ends, backfills under way have STOP_SECONDS to end, with their leases kept; then they are
        handed back. It ends when their leases cannot be kept for a reason that no outage explains.
        """
        async with helped(self._keep_leases):
            try:
                while True:
                    pause = await self._start_some()
                    await asyncio.sleep(pause)
            finally:
                await self._stop()

    async def _start_some(self) -> float:
        """Start the next backfill, of the tier whose turn it is or of the next that has one.

        Returns the seconds until the next may be started. One of which nothing is missing any more is
        settled at once: nobody is asked for it, so those behind it need not wait.
        """
        for _ in TURNS:
            tier = next(self._turns)
            under_way = sum(claimed.tier is tier for claimed in self._running.items)
            if under_way >= self._in_force.settings.backfill_concurrency(tier):
                continue
            for claimed in await ledger.claim(self._database, self._owner, tier, 1, self._lease):
                if await self._came_by_itself(claimed):
                    return 0.0
                self._running.start(self._do(claimed), claimed)
                return 1 / self._in_force.settings.backfill_dispatch_rate_per_sec
        return POLL_SECONDS

    async def _came_by_itself(self, claimed: Claimed) -> bool:
        """Settle a backfill of which nothing is missing any more, if that is so."""
        if claimed.restated_by is not None or claimed.forced or claimed.attempts > MOST_CLAIMS:
            return False
        instrument = await universe.find(self._database, claimed.symbol)
        try:
            if instrument is None or await self._healer.left(claimed, instrument):
                return False
        except NoCalendar:  # the attempt says so
            return False
        started = perf_counter()
        self._ended(claimed, await self._close(claimed, instrument, Healed(), ()), started)
        return True

    async def _keep_leases(self) -> None:
        """Extend the leases of what is under way; what has gone to another is let go."""
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(StoreUnavailable):  # then they run out, and whoever sees the ledger claims them
                ids = {claimed.id for claimed in self._running.items}
                own = await ledger.extend(self._database, self._owner, list(ids), self._lease)
                self._running.cancel((ids - set(own)).__contains__)

    async def _stop(self) -> None:
        left = await self._running.stop(STOP_SECONDS)
        await each(
            [("hand back backfills", partial(self._hand_back, claimed)) for claimed in left], self._tell
        )

    async def _hand_back(self, claimed: Claimed, why: str = "", wait: float = 0.0) -> None:
        """Queue what was not done: it is no attempt."""
        await self._settled(claimed, "queued", why, free=True, wait=wait)

    async def _do(self, claimed: Claimed) -> None:
        started = perf_counter()
        try:
            self._ended(claimed, await self._attempt(claimed), started)
        except StoreUnavailable as error:
            with suppress(StoreUnavailable):  # then its lease runs out, and it is claimed again
                await self._hand_back(claimed, str(error), OUTAGE_PAUSE)

    def _ended(self, claimed: Claimed, how: Ended, started: float) -> None:
        elapsed = (perf_counter() - started) * 1000
        of = (claimed.id, claimed.tier, claimed.symbol)
        self._tell(
            BackfillEnded(*of, how.status, claimed.attempts, how.vacant, elapsed, how.detail, how.error)
        )

    async def _attempt(self, claimed: Claimed) -> Ended:
        """Do one attempt and settle it."""
        instrument = await universe.find(self._database, claimed.symbol)
        if instrument is None or claimed.attempts > MOST_CLAIMS:
            gone = "the universe does not hold it any more"
            why = gone if instrument is None else "its workers died, each time that it was tried"
            return await self._settled(claimed, "dead", why)
        try:
            check_row(instrument)
        except NoCalendar as error:
            return await self._settled(claimed, "dead", str(error))
        old = beyond(self._roster, claimed, instrument)
        if old is not None and old.span == claimed.span:
            return await self._settled(claimed, "dead", old.why)
        said: list[ProviderAnswer] = []
        bug: Exception | None = None
        try:
            claimed = claimed if old is None else await self._narrowed(claimed, old)
            return await self._close(
                claimed, instrument, await self._healer.heal(claimed, instrument, said), said
            )
        except NoProvider as error:
            said += error.answers
            if all(one.code in NOT_ITS_FAULT for one in error.answers):
                pause = _pause(claimed, SPENT_PAUSE, LONGEST_SPENT)
                return await self._put_off(claimed, str(error), said, pause)
            why = str(error)
        except NotBelieved as error:
            why = str(error)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one must not keep the others from being done
            why, bug = f"{type(error).__name__}: {error}", error
        return (await self._failed(claimed, why, said))._replace(error=bug)

    async def _narrowed(self, claimed: Claimed, old: Beyond) -> Claimed:
        """The backfill without what is older than any history, which becomes a dead letter of its own."""
        rest = Span(old.span.end, claimed.span.end)
        async with self._database.transaction() as connection:
            await ledger.narrow(connection, claimed.id, rest)
            await ledger.bury(connection, claimed, old.span, old.why)
        return replace(claimed, span=rest)

    async def _close(
        self, claimed: Claimed, instrument: Instrument, healed: Healed, said: Sequence[ProviderAnswer]
    ) -> Ended:
        """Note what is vacant and settle, in one transaction; what no provider knows yet is put off."""
        why = ""
        if healed.unproven:
            count = sum(one.seconds for one in healed.unproven) // claimed.interval.seconds
            why = f"{UNKNOWN}" if not healed.known else f"no provider knows yet of {count} bars: {NO_WITNESS}"
        async with self._database.transaction() as connection:
            if why and claimed.forced and healed.known:
                await leave(connection, claimed, healed.unproven, UNPROVEN_PAUSE, self._in_force.settings)
                why = ""
            found = await self._healer.vacancies(connection, claimed, instrument, healed)
            await vacancies.replace_within(connection, claimed.symbol, claimed.interval, healed.asked, found)
            await vacancies.take_back(connection, claimed.symbol, claimed.interval, [claimed.span])
            if not why:
                await ledger.settle(connection, claimed, self._owner, status="done", answers=said)
        if not why:
            return Ended("done", len(found))
        if not healed.known or claimed.age > MOST_AGE:
            return await self._settled(claimed, "dead", why, said)
        pause = _pause(claimed, UNPROVEN_PAUSE, LONGEST_UNPROVEN)
        return await self._put_off(claimed, why, said, pause)

    async def _put_off(
        self, claimed: Claimed, why: str, said: Sequence[ProviderAnswer], pause: float
    ) -> Ended:
        """Queue it again; it is no attempt."""
        return await self._settled(claimed, "queued", why, said, free=True, wait=pause)

    async def _failed(self, claimed: Claimed, why: str, said: Sequence[ProviderAnswer]) -> Ended:
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
    ) -> Ended:
        await ledger.settle(
            self._database, claimed, self._owner, status=status, error=why, answers=said, free=free, wait=wait
        )
        return Ended(status, detail=why)


def _pause(claimed: Claimed, first: float, longest: float) -> float:
    """Seconds before what was put off is tried again, twice as many each time."""
    return float(min(first * 2.0 ** min(claimed.postponed, 20), longest))
