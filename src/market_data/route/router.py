"""Asks the best provider, then the next: one call to `ask` either answers or says what everyone said."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from market_data.errors import NoProvider, ProviderAnswer, ProviderFault, Throttled
from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.span import Span
from market_data.provider import Answer, Query, Reach
from market_data.route.breaker import State
from market_data.route.call import Caller, NoRoom, OutOfTime, Parts
from market_data.route.roster import Roster
from market_data.settings import Settings

SHORTEST_WAIT = 0.05
"""Seconds; a wait for a budget is at least this long, so that many waiters do not spin."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds of the clock."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, who gave it, what it states of itself, and who was asked or passed over before."""

    provider: str
    reach: Reach
    span: Span  # what it was asked for: of the question's span, what it has bars of
    answer: Answer
    asked_at: float  # epoch seconds
    before: tuple[ProviderAnswer, ...]
    vendor_time: float | None = None  # epoch seconds by its clock when it answered; None: it did not say


class Router:
    """Finds the provider that answers, and notes what its answers were worth."""

    def __init__(
        self, roster: Roster, caller: Caller, clock: Callable[[], float], sleep: Sleep = asyncio.sleep
    ) -> None:
        self.roster = roster
        self.caller = caller
        self._clock = clock
        self._sleep = sleep

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.roster.settings

    def completed(self, provider: str, capability: Capability, share: float) -> None:
        """Note that an answer of `provider` held this share of the bars that the calendar expects."""
        self.roster.standings[provider].track(capability).health.completed(share, self._clock())

    async def ask(
        self,
        query: Query,
        deadline: float,
        *,
        hint: str | None = None,
        trials: bool = True,
        without: Iterable[str] = (),
        trust_empty: bool = False,
    ) -> Answered:
        """The first answer that a ranked provider gives before `deadline` (the clock's epoch seconds).

        One that has no bars there is not believed at once: the next may have some, and if none has, the
        first empty answer counts (with `trust_empty`, at once). A provider that failed is not asked again.
        Where only a budget or a rest stands in the way, it is waited for. `hint` names a provider to be
        preferred while it is in good health, `without` those that are not asked. Without `trials` one that
        waits for its trial comes last: nobody who waits should pay for it.

        Raises NoProvider with every provider's reason, StoreUnavailable if the shared budgets cannot be
        reached.
        """
        so_far, patience = _SoFar(asked=set(without)), deadline - self._clock()
        while True:
            asked_before = len(so_far.asked)
            so_far.waits.clear()
            ranking = self.roster.ranking(query, hint=hint, trials=trials, without=so_far.asked)
            for index, name in enumerate(ranking.order):
                # an equal share of what is left, so that one that hangs leaves time for those behind it
                share = (deadline - self._clock()) / (len(ranking.order) - index)
                free = ranking.last_resort
                answered = await self._tried(name, query, self._clock() + share, so_far, free=free)
                if answered is not None:
                    return answered
                if trust_empty and so_far.empty is not None:
                    return so_far.empty
            if so_far.empty is not None:
                return so_far.empty
            if len(so_far.asked) > asked_before:
                continue  # all who were fit have failed: of those who were passed over the least bad is next
            again = self._wait(query, so_far)
            pause = max(again - self._clock(), SHORTEST_WAIT)
            if again >= deadline or pause > patience:  # the clock may be set while it waits
                raise NoProvider(str(query), list(so_far.told.values()))
            patience -= pause
            await self._sleep(pause)
            query = replace(query, now=self._clock())

    def _wait(self, query: Query, so_far: "_SoFar") -> float:
        """When somebody may be asked again (epoch seconds, inf: never); notes who was passed over and why."""
        for one in self.roster.ranking(query, without=so_far.asked).excluded:  # who was throttled now rests
            so_far.told.setdefault(one.name, ProviderAnswer(one.name, "excluded", one.reason))
            if one.until is not None:
                so_far.waits.append(one.until)
        return min(so_far.waits, default=float("inf"))

    async def _tried(
        self, name: str, query: Query, deadline: float, so_far: "_SoFar", *, free: bool
    ) -> Answered | None:
        """What one provider answers; None if it does not, with the reason in `so_far`.

        `free`: it need not be the only trial of a provider that is on trial.
        """
        reach = self.roster.providers[name].facts.reach[query.capability]
        span = reach.told(query) or query.span
        try:
            with nullcontext() if free else self.trial(name, query.capability):
                came = await self.caller.ask(name, query.of(span), deadline, so_far.parts)
        except OnTrial:  # since the ranking was made
            so_far.waits.append(self._clock())
            so_far.told.setdefault(name, ProviderAnswer(name, "excluded", "its trial is under way"))
        except OutOfTime:
            so_far.told.setdefault(name, ProviderAnswer(name, "deadline", "no time was left to ask it"))
        except NoRoom as full:
            so_far.waits.append(self._clock() + full.seconds)
            so_far.told[name] = ProviderAnswer(name, "budget", f"its budget has room in {full.seconds:.1f} s")
        except ProviderFault as fault:
            so_far.told[name] = ProviderAnswer(name, fault.code, fault.detail)
            if not isinstance(fault, Throttled):
                so_far.asked.add(name)
        else:
            before = tuple(one for one in so_far.told.values() if one.provider != name)
            answered = Answered(name, reach, span, came.answer, came.asked_at, before, came.vendor_time)
            if not (isinstance(came.answer, Bars) and len(came.answer) == 0):
                return answered
            so_far.told[name] = ProviderAnswer(name, "empty", "it has no bars there")
            so_far.asked.add(name)
            so_far.empty = so_far.empty or answered
        return None

    def trial(self, name: str, capability: Capability) -> AbstractContextManager[None]:
        """The trial of a half-open provider, one at a time (else OnTrial); of others, nothing."""
        standing = self.roster.standings[name]
        if standing.state_of(capability, self._clock()) is not State.HALF_OPEN:
            return nullcontext()
        track = standing.track(capability)
        if track.on_trial:
            raise OnTrial
        return track.trial()


@dataclass(slots=True)
class _SoFar:
    """How far one question has come."""

    told: dict[str, ProviderAnswer] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # they failed, or have nothing: not asked again
    empty: Answered | None = None
    parts: Parts = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)  # moments at which somebody may be asked again


class OnTrial(Exception):
    """Another question is the provider's trial."""
