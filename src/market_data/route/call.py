"""Asks one provider: spends its budget, sends, reads, and notes how it went."""

import math
from collections.abc import Callable
from time import perf_counter

import numpy as np

from market_data.errors import Malformed, ProviderFault, StoreUnavailable, TimedOut
from market_data.events import LoopFailed, ProviderAsked, Tell
from market_data.market.bar import Bars, Quote
from market_data.market.span import Span
from market_data.provider import Account, Answer, Provider, Query, Response
from market_data.route.budget import Budget, Spent
from market_data.route.roster import Roster
from market_data.transport import Transport, redact

LONGEST_DETAIL = 300
"""Characters of a fault's text that are kept."""
FAIR_SECONDS = 1.0
"""A provider that was given less time than this, because ours was nearly over, is not blamed for silence."""
FUTURE_SECONDS = 60.0
"""A quote may be so far ahead of our clock: clocks differ."""

Parts = dict[tuple[str, Span], tuple[float, Answer]]
"""By provider and piece of a span: when it was asked for, and what came."""


class NoRoom(Exception):
    """The budget has no room for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class OutOfTime(Exception):
    """The deadline is over: nobody else is asked."""


class Caller:
    """Makes the calls to the providers of a roster."""

    def __init__(
        self, roster: Roster, transport: Transport, budget: Budget, *, tell: Tell, clock: Callable[[], float]
    ) -> None:
        self._roster = roster
        self._transport = transport
        self._budget = budget
        self._tell = tell
        self._clock = clock

    async def budget_left(self, name: str) -> list[int]:
        """The calls left of each of the account's limits at this moment, in their order."""
        return await self._budget.left(name, self._roster.accounts[name].limits)

    async def ask(self, name: str, query: Query, deadline: float, parts: Parts) -> tuple[float, Answer]:
        """When the answer, or the first part of it, was asked for, and the whole answer.

        Pieces that came before one had to wait are kept in `parts`: asked for again, they would use up the
        very budget that is waited for. Raises NoRoom, OutOfTime, or the provider's fault.
        """
        if query.capability.interval is None:
            return query.now, await self._call(name, query, deadline)
        pieces = self._roster.providers[name].facts.reach[query.capability].pieces(query.span)
        for span in pieces:
            if (name, span) not in parts:
                answer = await self._call(name, query.of(span), deadline)
                parts[name, span] = (query.now, answer)
        came = [parts[name, span] for span in pieces]
        return min(at for at, _ in came), _joined([part for _, part in came if isinstance(part, Bars)])

    async def _call(self, name: str, query: Query, deadline: float) -> Answer:
        """One call: spend, send, parse, and note how it went. A cancelled call is not noted."""
        provider, account = self._roster.providers[name], self._roster.accounts[name]
        try:
            request = provider.request(query, account)
        except ProviderFault as fault:  # nobody was asked: there is no call to tell of
            self._roster.standings[name].note(query, fault, 0.0, self._clock())
            raise
        spent = await self._budget.spend(name, account.limits, self._time_left(deadline))
        if not isinstance(spent, Spent):
            raise NoRoom(spent)
        started, given = perf_counter(), self._time_left(deadline)
        try:
            response = await self._transport.send(request, provider.facts.lane, given)
            answer = _parsed(provider, query, response)
        except ProviderFault as fault:
            if isinstance(fault, TimedOut) and given < min(
                FAIR_SECONDS, self._roster.settings.call_timeout_sec
            ):
                raise OutOfTime from None  # its call stays held: it may still arrive
            self._note(name, query, _redacted(fault, account), started)
            await self._settle(spent)
            raise fault from None
        self._note(name, query, None, started)
        await self._settle(spent)
        return answer

    async def _settle(self, spent: Spent) -> None:
        try:
            await self._budget.settle(spent)
        except StoreUnavailable as error:  # it counts to the end of its hold: too long, never too short
            self._tell(LoopFailed("budget", str(error)))

    def _time_left(self, deadline: float) -> float:
        """Seconds that one call may take; raises OutOfTime if there are none."""
        seconds = min(self._roster.settings.call_timeout_sec, deadline - self._clock())
        if seconds <= 0:
            raise OutOfTime
        return seconds

    def _note(self, name: str, query: Query, fault: ProviderFault | None, started: float) -> None:
        elapsed = (perf_counter() - started) * 1000
        self._roster.standings[name].note(query, fault, elapsed, self._clock())
        code, detail = (fault.code, fault.detail) if fault else ("ok", "")
        endpoint = self._roster.providers[name].facts.reach[query.capability].endpoint
        self._tell(ProviderAsked(name, endpoint, query.capability, code, elapsed, detail))


def _redacted(fault: ProviderFault, account: Account) -> ProviderFault:
    """The fault itself, without the account's secrets, in a length that can be logged."""
    fault.detail = redact(fault.detail, account.secrets)[:LONGEST_DETAIL]
    fault.payload = redact(fault.payload.decode("utf-8", "replace"), account.secrets).encode()
    fault.args = (fault.detail,)
    return fault


def _parsed(provider: Provider, query: Query, response: Response) -> Answer:
    """The answer in a response; raises the fault that it amounts to, whatever was wrong with it."""
    try:
        answer = provider.parse(query, response)
    except ProviderFault:
        raise
    except Exception as error:  # a parser's bug must not keep the next provider from being asked
        raise Malformed(f"it cannot be read: {type(error).__name__}", payload=response.body) from error
    if isinstance(answer, Quote):
        if not (math.isfinite(answer.price) and answer.price > 0):
            raise Malformed("a quote whose price is none", payload=response.body)
        if answer.ts > query.now + FUTURE_SECONDS:
            raise Malformed("a quote from the future", payload=response.body)
    return answer


def _joined(parts: list[Bars]) -> Bars:
    columns = zip(*(part.columns() for part in parts), strict=True)
    return Bars(*(np.concatenate(column) for column in columns)) if parts else Bars.none()
