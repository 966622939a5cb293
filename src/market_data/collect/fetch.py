"""The fetchers: take jobs from the queue, ask a provider, hand what came to ingest."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

from market_data.collect.quote import Quoter
from market_data.errors import NoProvider, ProviderAnswer, StoreUnavailable
from market_data.events import JobFinished, Tell
from market_data.gather import Gather
from market_data.loops import Tasks, each, helped
from market_data.market.interval import Interval
from market_data.market.noted import holds
from market_data.market.span import Span
from market_data.provider import Query
from market_data.queue import Claimed, Job, Queue
from market_data.together import Together

MOST_WAITING = 1000
"""Jobs that nobody could serve and that are remembered; past it the oldest is forgotten."""
QUIET_SECONDS = 600.0
"""Where nobody had bars, one provider's word is enough for so long: a thin symbol has few calls a day."""
MOST_QUIET = 20_000
"""Such series that are remembered; past it the oldest is forgotten, which costs some calls."""
STOP_SECONDS = 10.0
"""How long jobs under way may take to end when the service stops; then they are handed back."""
END_SECONDS = 5.0
"""How long it may take to note how the last ones ended; where it is not noted, others do them again."""
BEAT_SECONDS = 2.0
"""How often jobs under way are shown to be alive: several times before others would take them over."""
DONE_SECONDS = 0.02
"""How long jobs that are done are collected, to be ended at once."""
MOST_AT_ONCE = 200
"""Jobs that are ended at once."""
OUTAGE_SECONDS = 1.0
"""How long a job waits that could not be written, before it is handed back: others would meet the same."""


Incomplete = Callable[[str, Interval, Span], Awaitable[None]]
"""Told of a series and a span in which bars were missing from an answer."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that nobody could serve at `at` (epoch seconds), with every provider's answer."""

    job: Job
    at: float
    answers: tuple[ProviderAnswer, ...]


class Fetcher:
    """Turns fetch jobs into stored bars and quotes. A job is ended last, when all it brought is written."""

    def __init__(
        self,
        *,
        queue: Queue,
        gather: Gather,
        quoter: Quoter,
        incomplete: Incomplete,
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._gather = gather
        self._router = gather.router
        self._quoter = quoter
        self._incomplete = incomplete
        self._tell = tell
        self._clock = clock
        self.waiting: OrderedDict[str, Waiting] = OrderedDict()
        """By key the jobs that no provider could serve the last time, oldest first."""
        self._done: Together[Claimed, None] = Together(
            self._all_done, seconds=DONE_SECONDS, most=MOST_AT_ONCE
        )
        self._running: Tasks[Claimed] = Tasks("fetch", tell)
        self._ending: Tasks[Claimed] = Tasks("fetch", tell)
        self._quiet: OrderedDict[str, float] = OrderedDict()  # by key, until when one empty answer is enough

    async def work(self) -> None:
        """Take and do jobs until cancelled, up to FETCH_CONCURRENCY at once; StoreUnavailable without Redis.

        When it is cancelled, jobs under way have STOP_SECONDS to end; then they are handed back.
        """
        async with helped(self._keep):
            try:
                while True:
                    self._start(await self._queue.claim(await self._room()))
            finally:
                await self._stop()

    def _start(self, claimed: Iterable[Claimed]) -> None:
        for one in claimed:
            self._running.start(self._do(one), one)

    async def _room(self) -> int:
        """How many more jobs may run; waits until it is one."""
        most = self._router.settings.fetch_concurrency
        while len(self._running) >= most:
            await self._running.wait_for_one()
        return most - len(self._running)

    async def _keep(self) -> None:
        """Show that what is under way here is alive, and take over what is not alive elsewhere."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            lost = await self._queue.beat([*self._running.items, *self._ending.items])
            self._running.cancel(lost.__contains__)  # somebody has taken it over while we stood still
            room = self._router.settings.fetch_concurrency - len(self._running)
            if room > 0:
                self._start(await self._queue.take_over(room))

    async def _stop(self) -> None:
        left = await self._running.stop(STOP_SECONDS)
        if left:
            await each([("hand back fetch jobs", lambda: self._queue.give_back(*left))], self._tell)
        await self._ending.stop(END_SECONDS)

    async def _do(self, claimed: Claimed) -> None:
        outcome, detail = await self.do(claimed.job)
        if outcome == "handed back":
            await asyncio.sleep(OUTAGE_SECONDS)
            ending = self._queue.give_back(claimed)
        elif outcome == "failed":
            ending = self._queue.bury(claimed, detail)
        else:
            ending = self._done(claimed)
        # beside the next job: it has only to be noted; else somebody takes it over, and finds nothing due
        self._ending.start(ending, claimed)

    async def do(self, job: Job) -> tuple[str, str]:
        """Do a job, tell how it ended, and return that: the outcome of JobFinished and what was wrong."""
        started = perf_counter()
        provider, outcome, detail = "none", "expired", ""
        bug: Exception | None = None
        try:
            if job.expires_at > self._clock():
                provider = await self.fetch(job)
                outcome = "done"
                self.waiting.pop(job.key, None)
        except NoProvider as error:  # the series is still due: a later sweep asks again
            outcome, detail = "waiting", str(error)
            self._keep_waiting(job, error)
        except StoreUnavailable as error:  # nothing was written, so nothing is done
            outcome, detail = "handed back", str(error)
        except Exception as error:  # noqa: BLE001 - a bug in one job must not keep its series from being asked again
            outcome, detail, bug = "failed", f"{type(error).__name__}: {error}", error
        elapsed = (perf_counter() - started) * 1000
        self._tell(JobFinished(job.capability, job.symbol, provider, outcome, elapsed, detail, bug))
        return outcome, detail

    async def _all_done(self, claimed: Sequence[Claimed]) -> list[None]:
        await self._queue.done(*claimed)
        return [None] * len(claimed)

    def _keep_quiet(self, job: Job) -> None:
        self._quiet[job.key] = self._clock() + QUIET_SECONDS
        self._quiet.move_to_end(job.key)
        if len(self._quiet) > MOST_QUIET:
            self._quiet.popitem(last=False)

    def _keep_waiting(self, job: Job, error: NoProvider) -> None:
        self.waiting[job.key] = Waiting(job, self._clock(), error.answers)
        self.waiting.move_to_end(job.key)
        if len(self.waiting) > MOST_WAITING:
            self.waiting.popitem(last=False)

    async def fetch(self, job: Job) -> str:
        """Ask for what `job` names and take the answer in; returns the provider that gave it.

        Raises NoProvider if nobody could serve it, StoreUnavailable if it could not be written.
        """
        if job.capability.interval is None:
            return await self._quoter.many(job)
        seconds = min(self._router.settings.fetch_deadline_sec, job.expires_at - self._clock())
        query = Query(job.capability, job.symbol, job.asset_type, job.span, self._clock())
        until = self._quiet.get(job.key, 0.0)
        quiet = holds(until - QUIET_SECONDS, until, query.now)
        gathered = await self._gather.bars(
            query, job.exchange, seconds, hint=job.provider_hint, trust_empty=quiet
        )
        if gathered.bars == 0 and not quiet:
            self._keep_quiet(job)
        if gathered.taken.completeness is not None and gathered.taken.completeness < 1:
            await self._incomplete(job.symbol, job.capability.interval, job.span)
        return gathered.answered.provider
