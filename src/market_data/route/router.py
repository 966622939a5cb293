"""Asks the best provider, then the next: one call to `ask` either answers or says what everyone said."""

import asyncio
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from market_data.errors import NoProvider, ProviderAnswer, ProviderFault
from market_data.events import ProviderAsked, Tell
from market_data.market.bar import Bars
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

Clock = Callable[[], float]


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

        Waits for a budget or for the end of a rest if that is all that stands in the way. Raises NoProvider
        with every provider's reason, StoreUnavailable if the shared budgets cannot be reached.
        """
        answers: dict[str, ProviderAnswer] = {}
        while True:
            ranking = self.ranking(query)
            waits = [one.until for one in ranking.excluded if one.until is not None]
            for name in ranking.order:
                try:
                    reach, answer = await self._ask_one(name, query, deadline)
                except _OutOfTime:
                    raise NoProvider(str(query), list(answers.values())) from None
                except _NoRoom as full:
                    waits.append(self._clock() + full.seconds)
                    answers[name] = ProviderAnswer(
                        name, "budget", f"its budget has room in {full.seconds:.1f} s"
                    )
                except ProviderFault as fault:
                    answers[name] = ProviderAnswer(name, fault.code, str(fault.detail))
                else:
                    return Answered(name, reach, answer, query.now, tuple(answers.values()))
            for one in ranking.excluded:
                answers.setdefault(one.name, ProviderAnswer(one.name, "excluded", one.reason))
            again = min(waits, default=float("inf"))
            if again >= deadline:
                raise NoProvider(str(query), list(answers.values()))
            await asyncio.sleep(max(again - self._clock(), SHORTEST_WAIT))
            query = replace(query, now=self._clock())

    async def _ask_one(self, name: str, query: Query, deadline: float) -> tuple[Reach, Answer]:
        reach = self.providers[name].facts.reach[query.capability]
        if query.capability.interval is None:
            return reach, await self._call(name, reach, query, deadline)
        parts = [
            await self._call(name, reach, piece, deadline)
            for piece in (replace(query, span=span) for span in reach.pieces(query.span))
        ]
        return reach, _joined([part for part in parts if isinstance(part, Bars)])

    async def _call(self, name: str, reach: Reach, query: Query, deadline: float) -> Answer:
        """One call: spend, send, parse, and note how it went. A cancelled call is not noted."""
        account = self.accounts[name]
        started = perf_counter()
        try:
            request = self.providers[name].request(query, account)
            wait = await self._budget.spend(name, account.limits)
            if wait > 0:
                raise _NoRoom(wait)
            started = perf_counter()
            seconds = min(self.settings.call_timeout_sec, deadline - self._clock())
            if seconds <= 0:
                raise _OutOfTime
            answer = self.providers[name].parse(query, await self._send(name, request, seconds))
        except ProviderFault as error:
            fault = _redacted(error, account)
            self._note(name, reach, query, fault, started)
            raise fault from None
        self._note(name, reach, query, None, started)
        return answer

    async def _send(self, name: str, request: Request, seconds: float) -> Response:
        return await self._transport.send(request, self.providers[name].facts.lane, seconds)

    def _note(
        self, name: str, reach: Reach, query: Query, fault: ProviderFault | None, started: float
    ) -> None:
        elapsed = (perf_counter() - started) * 1000
        self.standings[name].note(query, fault, elapsed, self._clock())
        code, detail = (fault.code, fault.detail) if fault else ("ok", "")
        self._tell(ProviderAsked(name, reach.endpoint, query.capability, code, elapsed, detail))

    def _candidate(self, name: str, query: Query) -> Candidate:
        facts, standing, now = self.providers[name].facts, self.standings[name], self._clock()
        out, until = standing.out(query, now)
        if facts.needs_key and not self.accounts[name].key:
            out, until = f"{facts.settings_prefix}_API_KEY is not set", None
        state = standing.breaker_at(now).state
        return Candidate(name, facts.reach.get(query.capability), state, standing.score.value, out, until)


class _NoRoom(Exception):
    """The budget has no room for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class _OutOfTime(Exception):
    """The job's deadline is over: nobody else is asked."""


def _redacted(fault: ProviderFault, account: Account) -> ProviderFault:
    """The same fault without the account's secrets, in a length that can be logged."""
    clean = copy(fault)
    clean.detail = redact(fault.detail, account.secrets)[:LONGEST_DETAIL]
    clean.payload = redact(fault.payload.decode("utf-8", "replace"), account.secrets).encode()
    clean.args = (clean.detail,)
    return clean


def _joined(parts: list[Bars]) -> Bars:
    columns = zip(*(part.columns() for part in parts), strict=True)
    return Bars(*(np.concatenate(column) for column in columns)) if parts else Bars.none()
