"""Asks the best provider, then the next: one call to `ask` either answers or says what everyone said."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from market_data.errors import Malformed, NoProvider, ProviderAnswer, ProviderFault, Throttled
from market_data.events import ProviderAsked, Tell
from market_data.market.bar import Bars, Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Account, Answer, Provider, Query, Reach, Request, Response
from market_data.route.budget import Budget
from market_data.route.rank import Candidate, Ranking, rank
from market_data.route.standing import Standing
from market_data.settings import Settings
from market_data.transport import Transport, redact

SHORTEST_WAIT = 0.05
"""Seconds; a wait for a budget is at least this long, so that many waiters do not spin."""
LONGEST_DETAIL = 300
"""Characters of a fault's text that are kept."""

FUTURE_SECONDS = 60.0
"""A quote may be so far ahead of our clock: clocks differ."""

Clock = Callable[[], float]
_Parts = dict[tuple[str, Span], tuple[float, Answer]]
"""By provider and piece of a span: when it was asked for, and what came."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, who gave it, what it states of itself, and who was asked or passed over before."""

    provider: str
    reach: Reach
    answer: Answer
    asked_at: float  # epoch seconds
    before: tuple[ProviderAnswer, ...]


class Router:
    """The providers of this process, and what is known of each at this moment."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        accounts: Mapping[str, Account],
        settings: Settings,
        transport: Transport,
        budget: Budget,
        *,
        tell: Tell,
        clock: Clock,
    ) -> None:
        self.providers = providers
        self.accounts = accounts
        self.settings = settings
        self._transport = transport
        self._budget = budget
        self._tell = tell
        self._clock = clock
        self.standings = {name: Standing(settings) for name in providers}

    def ranking(self, query: Query) -> Ranking:
        """Who would be asked now, in which order, and who would not, with the reasons."""
        candidates = [self._candidate(name, query) for name in self.providers]
        return rank(query, candidates, self.settings.policy(query.capability))

    def able(self, capability: Capability) -> list[str]:
        """The providers that may be asked for `capability` now, best first, whatever the symbol."""
        now = self._clock()
        names: list[str] = []
        for kind in AssetType:
            query = Query(capability, "", kind, Span(int(now), int(now) + 1), now)
            names += [name for name in self.ranking(query).order if name not in names]
        return names

    def state(self, name: str) -> str:
        """CLOSED, HALF_OPEN or OPEN; DISABLED for a provider that needs a key and has none."""
        disabled = self.providers[name].facts.needs_key and not self.accounts[name].key
        return "DISABLED" if disabled else self.standings[name].breaker_at(self._clock()).state.value

    async def budget_left(self, name: str) -> list[int]:
        """The calls left of each of the account's limits at this moment, in their order."""
        return await self._budget.left(name, self.accounts[name].limits)

    def completed(self, provider: str, share: float) -> None:
        """Note that an answer of `provider` held this share of the bars that the calendar expects."""
        self.standings[provider].health.completed(share)

    async def ask(self, query: Query, deadline: float) -> Answered:
        """The first answer that a ranked provider gives before `deadline` (the clock's epoch seconds).

        One that has no bars there is not believed at once: the next may have some, and if none has, the
        first empty answer counts. Waits for a budget or for the end of a rest if that is all that stands in
        the way; a provider that failed is not asked again.

        Raises NoProvider with every provider's reason, StoreUnavailable if the shared budgets cannot be
        reached.
        """
        so_far = _SoFar()
        while True:
            so_far.waits.clear()
            order = [name for name in self.ranking(query).order if name not in so_far.asked]
            for index, name in enumerate(order):
                # an equal share of what is left, so that one that hangs leaves time for those behind it
                share = (deadline - self._clock()) / (len(order) - index)
                answered = await self._tried(name, query, self._clock() + share, so_far)
                if answered is not None:
                    return answered
            if so_far.empty is not None:
                return so_far.empty
            for one in self.ranking(query).excluded:  # anew: who was throttled just now rests
                so_far.told.setdefault(one.name, ProviderAnswer(one.name, "excluded", one.reason))
                if one.until is not None and one.name not in so_far.asked:
                    so_far.waits.append(one.until)
            again = min(so_far.waits, default=float("inf"))
            if again >= deadline:
                raise NoProvider(str(query), list(so_far.told.values()))
            await asyncio.sleep(max(again - self._clock(), SHORTEST_WAIT))
            query = replace(query, now=self._clock())

    async def _tried(self, name: str, query: Query, deadline: float, so_far: "_SoFar") -> Answered | None:
        """What one provider answers; None if it does not, with the reason in `so_far`."""
        try:
            asked_at, answer = await self._ask_one(name, query, deadline, so_far.parts)
        except _OutOfTime:
            so_far.told.setdefault(name, ProviderAnswer(name, "deadline", "no time was left to ask it"))
        except _NoRoom as full:
            so_far.waits.append(self._clock() + full.seconds)
            so_far.told[name] = ProviderAnswer(name, "budget", f"its budget has room in {full.seconds:.1f} s")
        except ProviderFault as fault:
            so_far.told[name] = ProviderAnswer(name, fault.code, fault.detail)
            if not isinstance(fault, Throttled):
                so_far.asked.add(name)
        else:
            reach = self.providers[name].facts.reach[query.capability]
            before = tuple(one for one in so_far.told.values() if one.provider != name)
            answered = Answered(name, reach, answer, asked_at, before)
            if not (isinstance(answer, Bars) and len(answer) == 0):
                return answered
            so_far.told[name] = ProviderAnswer(name, "empty", "it has no bars there")
            so_far.asked.add(name)
            so_far.empty = so_far.empty or answered
        return None

    async def _ask_one(self, name: str, query: Query, deadline: float, parts: _Parts) -> tuple[float, Answer]:
        """When the answer, or the first part of it, was asked for, and the whole answer.

        Pieces that came before one had to wait are kept in `parts`: asked for again, they would use up the
        very budget that is waited for.
        """
        if query.capability.interval is None:
            return query.now, await self._call(name, query, deadline)
        pieces = self.providers[name].facts.reach[query.capability].pieces(query.span)
        for span in pieces:
            if (name, span) not in parts:
                answer = await self._call(name, replace(query, span=span), deadline)
                parts[name, span] = (query.now, answer)
        came = [parts[name, span] for span in pieces]
        return min(at for at, _ in came), _joined([part for _, part in came if isinstance(part, Bars)])

    async def _call(self, name: str, query: Query, deadline: float) -> Answer:
        """One call: spend, send, parse, and note how it went. A cancelled call is not noted."""
        provider, account = self.providers[name], self.accounts[name]
        try:
            request = provider.request(query, account)
        except ProviderFault as fault:  # nobody was asked: there is no call to tell of
            self.standings[name].note(query, fault, 0.0, self._clock())
            raise
        self._time_left(deadline)  # before a call is spent
        wait = await self._budget.spend(name, account.limits)
        if wait > 0:
            raise _NoRoom(wait)
        started = perf_counter()
        try:
            response = await self._send(name, request, self._time_left(deadline))
            answer = _parsed(provider, query, response)
        except ProviderFault as fault:
            self._note(name, query, _redacted(fault, account), started)
            raise fault from None
        self._note(name, query, None, started)
        return answer

    def _time_left(self, deadline: float) -> float:
        """Seconds that one call may take; raises _OutOfTime if there are none."""
        seconds = min(self.settings.call_timeout_sec, deadline - self._clock())
        if seconds <= 0:
            raise _OutOfTime
        return seconds

    async def _send(self, name: str, request: Request, seconds: float) -> Response:
        return await self._transport.send(request, self.providers[name].facts.lane, seconds)

    def _note(self, name: str, query: Query, fault: ProviderFault | None, started: float) -> None:
        elapsed = (perf_counter() - started) * 1000
        self.standings[name].note(query, fault, elapsed, self._clock())
        code, detail = (fault.code, fault.detail) if fault else ("ok", "")
        endpoint = self.providers[name].facts.reach[query.capability].endpoint
        self._tell(ProviderAsked(name, endpoint, query.capability, code, elapsed, detail))

    def _candidate(self, name: str, query: Query) -> Candidate:
        facts, standing, now = self.providers[name].facts, self.standings[name], self._clock()
        out, until = standing.out(query, now)
        if facts.needs_key and not self.accounts[name].key:
            out, until = f"{facts.settings_prefix}_API_KEY is not set", None
        state = standing.breaker_at(now).state
        return Candidate(name, facts.reach.get(query.capability), state, standing.score.value, out, until)


@dataclass(slots=True)
class _SoFar:
    """How far one question has come."""

    told: dict[str, ProviderAnswer] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # they failed, or have nothing: not asked again
    empty: Answered | None = None
    parts: _Parts = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)  # moments at which somebody may be asked again


class _NoRoom(Exception):
    """The budget has no room for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class _OutOfTime(Exception):
    """The job's deadline is over: nobody else is asked."""


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
