"""The sweep of quotes: they are asked for more often than the universe is swept, many in one job."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil

from market_data.calendar import hours_of
from market_data.collect.sweep import SLACK, SLOT_SECONDS, planned
from market_data.errors import NoCalendar
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.noted import holds
from market_data.queue import Job, Queue
from market_data.route.roster import Roster
from market_data.store import universe
from market_data.store.connect import Database

LONGEST_TICK = 30.0
"""Seconds between two sweeps where no cadence is shorter."""
SINGLES = 10
"""Symbols of a job where no provider tells several at once: they are asked for one after the other."""


class QuoteSweeper:
    """Makes the jobs for quotes that are due. Every replica may sweep: a tick is claimed once.

    The symbols of a tier are cut into jobs, and these spread over the time between two fetches of a symbol.
    """

    def __init__(self, database: Database, queue: Queue, roster: Roster) -> None:
        self._database = database
        self._queue = queue
        self._roster = roster
        self._universe: Sequence[Instrument] = ()
        self._read_at = float("-inf")

    @property
    def tick(self) -> float:
        """Seconds between two sweeps: the shortest cadence that is asked for."""
        cadences = (self._roster.settings.cadence(tier).get(Capability.QUOTES_L1) for tier in Tier)
        return float(min((one for one in cadences if one is not None), default=LONGEST_TICK))

    async def sweep(self, now: float) -> int | None:
        """Queue what is due at `now`; how many jobs that made: 0 if it was swept, None if another is at it.

        Raises StoreUnavailable if database or queue cannot be reached.
        """
        tick = self.tick
        slot = f"quotes:{int(now / tick)}"
        read_at = await self._queue.claim_slot(slot)
        if read_at <= 0:
            return 0 if read_at == 0 else None
        jobs = await self.due(now)
        made = await self._queue.emit(jobs, read_at)
        await self._queue.swept(slot, max(tick, SLOT_SECONDS))
        return made

    async def due(self, now: float) -> list[Job]:
        """The jobs that are due at `now`, of symbols whose market is open; StoreUnavailable."""
        if not holds(self._read_at, self._read_at + self._roster.settings.local_sweep_tick_sec, now):
            self._universe = await universe.load(self._database)
            self._read_at = now
        return list(self._jobs(now))

    def _jobs(self, now: float) -> Iterator[Job]:
        tick = self.tick
        slot = int(now / tick)
        for line in planned(self._roster, Counter(one.tier for one in self._universe)):
            if line.capability is Capability.QUOTES_L1 and line.achievable is not None:
                period = max(1, ceil(line.achievable / tick - SLACK))
                for kind in AssetType:
                    pieces = list(self._pieces(line.tier, kind))
                    for place, members in enumerate(pieces):
                        if slot % period == place * period // len(pieces):
                            yield from _job(members, now, life=(period - SLACK) * tick)

    def _pieces(self, tier: Tier, kind: AssetType) -> Iterator[list[Instrument]]:
        members = [one for one in self._universe if one.tier is tier and one.asset_type is kind]
        members.sort(key=lambda one: one.symbol)
        if members:
            size = self._size(kind)
            yield from (members[at : at + size] for at in range(0, len(members), size))

    def _size(self, kind: AssetType) -> int:
        """Symbols of one job: as many as one call may ask for."""
        probe = self._roster.probe(Capability.QUOTES_L1, kind)
        able = self._roster.ranking(probe).order
        most = max((self._roster.providers[name].at_once(probe) for name in able), default=1)
        return most if most > 1 else SINGLES


def _job(members: Sequence[Instrument], now: float, *, life: float) -> Iterator[Job]:
    """The job of those members whose market is open, if there are any."""
    trading = [one for one in members if _is_open(one, now)]
    if trading:
        first, *others = trading
        yield Job(
            symbol=first.symbol,
            exchange=first.exchange,
            asset_type=first.asset_type,
            tier=first.tier,
            capability=Capability.QUOTES_L1,
            start=int(now),
            end=int(now) + 1,
            made_at=now,
            expires_at=now + life,  # while it lasts no other is queued
            others=tuple(one.symbol for one in others),
        )


def _is_open(one: Instrument, now: float) -> bool:
    try:
        return hours_of(one.exchange, one.asset_type).regular.is_open(now)
    except NoCalendar:  # the sweep of bars reports an exchange that is not known
        return False
