"""The rate-limit coordinator: sends jobs for the whole universe, as many as the budgets have room for."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from market_data.collect.quotes import QuoteSweeper
from market_data.collect.sweep import Sweeper
from market_data.events import Coordinated, Tell
from market_data.market.instrument import Tier
from market_data.market.noted import CLOCKS_DIFFER, holds
from market_data.provider import Limit
from market_data.queue import Job
from market_data.queue.intake import KEPT, BarsFetch, Order, Orders, QuotesFetch
from market_data.route.roster import Roster
from market_data.store.redis import reachable

LEASE = "market:coordinator"
LEASE_SECONDS = 10.0
"""A coordinator that gave no sign of life for so long is followed by another that waits."""
ROUND_SECONDS = 1.0
"""How often jobs are sent: what a plan allows in a minute is spread over it."""
MOST_WAITING = KEPT // 2
"""Orders that may wait to be read; past it none is sent: nobody reads, or too slowly."""

_KEEP = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""Takes or keeps the lease; 0 if another has it. KEYS: the lease. ARGV: who, ms."""


class Allowance:
    """The calls that were planned of each provider, so that no window of its plan has more; pure."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[float]] = {}

    def room(self, provider: str, limits: Sequence[Limit], now: float) -> bool:
        """Whether one more call of `provider` at `now` (epoch seconds) keeps its plan."""
        sent = self._sent.setdefault(provider, deque())
        longest = max((limit.seconds for limit in limits), default=0)
        while sent and sent[0] <= now - longest:
            sent.popleft()
        while sent and sent[-1] > now + CLOCKS_DIFFER:  # from before the clock was set back
            sent.pop()
        return all(len(sent) < limit.calls or sent[-limit.calls] <= now - limit.seconds for limit in limits)

    def spend(self, provider: str, now: float) -> None:
        """Note a call."""
        self._sent.setdefault(provider, deque()).append(now)


class Coordinator:
    """Sends what is due, T0 first, each with a provider whose plan has room; what has none waits.

    Of several only one sends at a time. The replicas spend the same budgets again when they ask: a job that
    fails over to another provider exceeds no plan either, it waits.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        sweeper: Sweeper,
        quotes: QuoteSweeper,
        roster: Roster,
        name: str,
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self.orders = Orders(redis, name)
        self._sweeper = sweeper
        self._quotes = quotes
        self._roster = roster
        self._name = name
        self._tell = tell
        self._clock = clock
        self._redis = redis
        self._keep = redis.register_script(_KEEP)
        self._allowance = Allowance()
        self._sent: dict[str, Job] = {}  # by key, the jobs that were sent: each is under way until it expires
        self._due: list[Job] = []
        self._looked = 0.0
        self._quoted = 0.0

    async def run(self) -> None:
        """Send again and again, whenever this is the coordinator whose turn it is; until cancelled."""
        while True:
            if await self.leads():
                await self.send()
            await asyncio.sleep(ROUND_SECONDS)

    async def leads(self) -> bool:
        """Whether this coordinator sends: it has the lease, or can have it. StoreUnavailable."""
        with reachable(self._redis):
            return bool(await self._keep(keys=[LEASE], args=[self._name, int(LEASE_SECONDS * 1000)]))

    async def send(self) -> int:
        """Send one round; returns how many jobs that were. StoreUnavailable if a store cannot be reached."""
        now = self._clock()
        if not holds(self._looked, self._looked + self._roster.settings.local_sweep_tick_sec, now):
            self._looked = now
            _, due = await self._sweeper.due(now)
            self._sent = {
                key: job for key, job in self._sent.items() if holds(job.made_at, job.expires_at, now)
            }
            self._due = sorted((job for job in due if job.key not in self._sent), key=lambda job: job.tier)
        if not holds(self._quoted, self._quoted + self._quotes.tick, now):
            self._quoted = now
            # what was due before and has found no room is due again now
            self._due = [job for job in self._due if job.capability.interval] + [
                job for job in await self._quotes.due(now) if job.key not in self._sent
            ]
            self._due.sort(key=lambda job: job.tier)
        if not self._due or await self.orders.waiting() > MOST_WAITING:
            return 0
        able = {one: self._roster.able(one) for one in {job.capability for job in self._due}}
        orders, later = list[Order](), list[Job]()
        for job in self._due:
            provider = self._provider(able[job.capability], now)
            if provider is None:
                later.append(job)
                continue
            self._allowance.spend(provider, now)
            self._sent[job.key] = job
            orders.append(_order(job, provider))
        await self.orders.send(orders)
        self._due = later
        self._tell(Coordinated(len(orders), len(later), sum(job.tier is Tier.T0 for job in later)))
        return len(orders)

    def _provider(self, able: Sequence[str], now: float) -> str | None:
        for name in able:
            if self._allowance.room(name, self._roster.accounts[name].limits, now):
                return name
        return None


def _order(job: Job, provider: str) -> Order:
    if job.capability.interval is None:
        return QuotesFetch(symbols=job.symbols, provider=provider, expires_at=int(job.expires_at))
    return BarsFetch(
        symbol=job.symbol,
        interval=job.capability.interval,
        start=job.start,
        end=job.end,
        provider=provider,
        expires_at=int(job.expires_at),
    )
