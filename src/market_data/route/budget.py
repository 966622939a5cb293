"""What we may still ask: call budgets that all replicas share through Redis."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.provider import Limit
from market_data.route.share import Share
from market_data.route.windows import Windows
from market_data.together import Together

LOOK_SECONDS = 1.0
"""How often it is looked whether Redis still knows of the calls that it was told."""
REJOIN_SECONDS = 75.0
"""After an outage a replica keeps to its share for so long: until all have told what they called meanwhile,
for which they may take as long as Redis may for an answer, and what one called that has died without telling
is over, as far as limits of up to a minute go. One that has just started keeps to it while the life of the
windows is no older."""
QUIET_SECONDS = 2 * REJOIN_SECONDS
"""Where nobody has asked anything for so long, a restarted Redis lacks no call that counts."""
TELL_BATCH = 1000
"""Calls that are told at once."""
MOST_AT_ONCE = 200
"""Calls that are spent, or settled, at once."""
SOON = 0.05
"""Seconds to wait, where others of the same moment got the last room: how long is known at the next try."""


class Others(Protocol):
    """What a budget has to know of the replicas."""

    @property
    def known(self) -> tuple[str, ...]:
        """Their names, ours too."""

    @property
    def out(self) -> bool:
        """Whether Redis cannot be reached at present."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One call that was spent; it counts from the end of its hold, or from when it is settled."""

    provider: str
    limits: tuple[Limit, ...]
    member: str


@dataclass(slots=True)
class _Account:
    """What this replica knows of one provider's budget, and its calls of this moment."""

    provider: str
    share: Share
    limits: tuple[Limit, ...]
    spend: Together[tuple[Spent, float], float | None]
    settle: Together[Spent, None]
    life: str = ""  # of Redis's windows, as they were last seen; "": not yet
    joins_at: float | None = None  # when all will have told their calls; None: ours are not told yet


class Budget:
    """Spends calls so that no stretch of a limit's length holds more than its calls, whoever makes them.

    The time is that of Redis, which all replicas share; `clock` (seconds) stands in for it, and for our own,
    where a day has to pass in a minute. While Redis is out, or has forgotten, each of the `others` keeps to a
    share that is safe whatever they do; see Share. So does one whose Redis has just been restarted,
    unless somebody vouches for it.
    """

    def __init__(
        self, redis: Redis, clock: Callable[[], float] | None = None, others: Others | None = None
    ) -> None:
        self._windows = Windows(redis, clock)
        self._clock = clock or time.monotonic  # nobody sets it; Redis receives how long ago a call was
        self._others = others
        self._accounts: dict[str, _Account] = {}

    async def spend(self, provider: str, limits: Sequence[Limit], hold: float) -> Spent | float:
        """Spend one call of every limit, or none: what was spent, or the seconds until there is room.

        The provider may count a call as late as it answers. So it is held for `hold` seconds, the longest
        that it can take, until `settle` says that it is over; if we die meanwhile it has been spent too.
        """
        spent = Spent(provider, tuple(limits), uuid4().hex)
        if not limits:
            return spent
        account = self._account(provider, spent.limits)
        wait = None if self._is_alone(account) else await account.spend((spent, hold))
        if wait is None:
            wait = await self._alone(account, spent, hold)
        elif not wait:
            account.share.note(spent.member, self._clock(), hold, limits)
        return wait or spent

    async def settle(self, spent: Spent) -> None:
        """Note that a call is over; StoreUnavailable where only this replica knows it."""
        account = self._accounts.get(spent.provider)
        if not spent.limits or account is None:
            return
        account.share.settle(spent.member, self._clock())
        if not self._out:  # else it is told when Redis is back
            await account.settle(spent)

    async def left(self, provider: str, limits: Sequence[Limit]) -> list[int]:
        """The calls left in each limit's window at this moment, in the order of the limits."""
        return await self._windows.left(provider, limits)

    async def vouch(self, providers: Iterable[str]) -> None:
        """Say that Redis knows of all calls that count, wherever it has begun anew.

        At a start, of `providers` that nobody has asked for QUIET_SECONDS: else all would wait for
        REJOIN_SECONDS before they ask anything. Raises StoreUnavailable.
        """
        for provider in providers:
            await self._windows.tell(provider, (), (), born=0)

    async def watch(self) -> None:
        """Look again and again whether Redis knows of our calls, and tell it if not; until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell Redis our calls wherever it may not know them. While it is out nothing is told."""
        for account in list(self._accounts.values()):  # one that is first asked meanwhile has no calls
            if self._out:  # also where we asked nothing: others may have
                self._lose(account)
                continue
            try:
                await self._looked(account)
            except StoreUnavailable:
                self._lose(account)

    async def _looked(self, account: _Account) -> None:
        if account.share.alone and account.joins_at is None:
            await self._tell(account, account.share.calls)
            account.joins_at = self._clock() + REJOIN_SECONDS
        elif account.life and await self._windows.tell(account.provider, account.limits, ()) != account.life:
            self._lose(account)
            await self._looked(account)

    def _is_alone(self, account: _Account) -> bool:
        """Whether this replica keeps to its share; it joins the others when all have told their calls."""
        if account.share.alone and account.joins_at is not None and self._clock() >= account.joins_at:
            account.share.end()
            account.joins_at = None
        return account.share.alone or self._out

    async def _shared(self, account: _Account, wanted: Sequence[tuple[Spent, float]]) -> list[float | None]:
        """Spend with the others: of each 0.0, or seconds until there is room; None where that cannot be."""
        calls = [(spent.member, hold) for spent, hold in wanted]
        try:
            got = await self._windows.spend(
                account.provider, account.limits, calls, life=account.life, young=REJOIN_SECONDS
            )
        except StoreUnavailable:
            return [None] * len(wanted)
        if got is None:
            self._lose(account)
            await self.look()
            return [None] * len(wanted)
        account.life = got.life
        later = max(got.wait, 0.001 if got.wait else SOON)
        return [0.0 if place < got.spent else later for place in range(len(wanted))]

    async def _settled(self, account: _Account, over: Sequence[Spent]) -> list[None]:
        await self._windows.settle(account.provider, account.limits, [one.member for one in over])
        return [None] * len(over)

    async def _alone(self, account: _Account, spent: Spent, hold: float) -> float:
        """Spend of our share: 0.0, or the seconds until there is room."""
        now, replicas = self._clock(), len(self._others.known) if self._others else 1
        if not account.share.alone:
            self._lose(account)
        wait = account.share.wait(now, account.limits, replicas)
        if not wait:
            account.share.note(spent.member, now, hold, account.limits)
            if account.joins_at is not None:
                try:
                    await self._tell(account, {spent.member: now + hold})
                except StoreUnavailable:
                    account.joins_at = None
        return wait

    def _lose(self, account: _Account) -> None:
        account.share.begin(self._clock(), account.limits)
        account.joins_at = None

    async def _tell(self, account: _Account, calls: dict[str, float]) -> None:
        """Tell Redis of calls; those that it knows it has once."""
        now = self._clock()
        told = [(member, at - now) for member, at in calls.items()]
        for start in range(0, max(len(told), 1), TELL_BATCH):
            some = told[start : start + TELL_BATCH]
            account.life = await self._windows.tell(account.provider, account.limits, some)

    def _account(self, provider: str, limits: tuple[Limit, ...]) -> _Account:
        account = self._accounts.get(provider)
        if account is None or account.limits != limits:  # a reload may have changed the plan

            async def spend(wanted: Sequence[tuple[Spent, float]]) -> list[float | None]:
                return await self._shared(made, wanted)

            async def settle(over: Sequence[Spent]) -> list[None]:
                return await self._settled(made, over)

            made = self._accounts[provider] = _Account(
                provider,
                account.share if account else Share(),
                limits,
                Together(spend, most=MOST_AT_ONCE),
                Together(settle, most=MOST_AT_ONCE),
            )
            account = made
        return account

    @property
    def _out(self) -> bool:
        return self._others is not None and self._others.out
