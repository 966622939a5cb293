"""Asks one provider: spends its budget, sends, reads, and notes how it went."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple, TypeVar

from market_data.errors import Malformed, ProviderFault, StoreUnavailable, TimedOut
from market_data.events import ProviderAsked, Tell
from market_data.loops import beside, failed
from market_data.market.bar import Bars, Quote
from market_data.market.span import Span
from market_data.market.split import joined
from market_data.provider import Account, Answer, Page, Query, Request, Response, sent_at, served_at
from market_data.redact import redact
from market_data.route.budget import Budget, Spent
from market_data.route.roster import Roster
from market_data.route.vendor_time import VendorTime
from market_data.transport import Transport

LONGEST_DETAIL = 300
"""Characters of a fault's text that are kept."""
FAIR_SECONDS = 1.0
"""A provider that was given less time than this, because ours was nearly over, is not blamed for silence."""
MOST_PAGES = 20
"""Pages of one answer; each is a call. Every span that is asked for fits into one page, were it full."""
PARSED_AT_ONCE = 16 * 1024
"""Bytes of an answer that is parsed on the event loop; a longer one would hold it: it is parsed beside it."""
FUTURE_SECONDS = 60.0
"""A quote may be so far ahead of the time: clocks differ."""

_T = TypeVar("_T")
_Told = TypeVar("_Told", bound=Answer | Page)


class Came(NamedTuple):
    """What came of a question, when it was asked, and when it was answered by the provider's clock.

    Both are epoch seconds, None where it did not say; of several pieces the earliest counts.
    """

    answer: Answer
    asked_at: float
    vendor_time: float | None


class Piece(NamedTuple):
    """The same of a piece of a question; its answer is a Page where more has to come."""

    answer: Answer | Page
    asked_at: float
    vendor_time: float | None


Parts = dict[tuple[str, Span], Piece]
"""By provider and piece of a span: what came."""


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
        self,
        roster: Roster,
        transport: Transport,
        budget: Budget,
        *,
        tell: Tell,
        clock: Callable[[], float],
        vendor_time: VendorTime | None = None,
    ) -> None:
        self._roster = roster
        self._transport = transport
        self._budget = budget
        self._tell = tell
        self._clock = clock
        self.vendor_time = vendor_time or VendorTime(clock)
        """The time by the answers."""

    async def budget_left(self, name: str) -> list[int]:
        """The calls left of each of the account's limits at this moment, in their order."""
        return await self._budget.left(name, self._roster.accounts[name].limits)

    async def ask(self, name: str, query: Query, deadline: float, parts: Parts) -> Came:
        """The whole answer, and when it, or the first part of it, was asked for and given.

        Pieces that came before one had to wait are kept in `parts`: asked for again, they would use up the
        very budget that is waited for. Raises NoRoom, OutOfTime, or the provider's fault.
        """
        if query.capability.interval is None:
            quote = await self._one(name, query, deadline)
            if isinstance(quote.answer, Page):
                raise Malformed("a quote in pages")
            return Came(quote.answer, quote.asked_at, quote.vendor_time)
        pieces = self._roster.providers[name].facts.reach[query.capability].pieces(query.span)
        for span in pieces:
            await self._all_pages(name, query.of(span), deadline, parts)
        came = [parts[name, span] for span in pieces]
        told = [one.vendor_time for one in came if one.vendor_time is not None]
        return Came(
            _joined([one.answer for one in came if isinstance(one.answer, Bars)]),
            min(one.asked_at for one in came),
            min(told, default=None),
        )

    async def _all_pages(self, name: str, query: Query, deadline: float, parts: Parts) -> None:
        """Ask for what `parts` lacks of one piece."""
        key = name, query.span
        first = Piece(Page(Bars.none(), ""), query.now, None)
        for _ in range(MOST_PAGES):
            before = parts.get(key, first)
            if not isinstance(before.answer, Page):
                return
            came = await self._one(name, replace(query, page=before.answer.token), deadline)
            times = [one for one in (before.vendor_time, came.vendor_time) if one is not None]
            added = _added(before.answer.bars, came.answer)
            parts[key] = Piece(added, before.asked_at, min(times, default=None))
        if isinstance(parts[key].answer, Page):
            del parts[key]
            raise Malformed(f"more than {MOST_PAGES} pages")

    async def quotes(self, name: str, queries: Sequence[Query], deadline: float) -> dict[str, Quote]:
        """The quotes that one call of a provider with a `batch` tells, by symbol; raises as `ask` does."""
        batch = self._roster.providers[name].batch
        assert batch is not None  # noqa: S101 - the caller has looked
        many = self._roster.probe(queries[0].capability, queries[0].asset_type)
        told, _ = await self._call(
            name,
            many,
            deadline,
            lambda account: batch.request(queries, account),
            lambda response: _good(batch.parse(queries, response), self._latest(many), response),
        )
        return told

    async def _one(self, name: str, query: Query, deadline: float) -> Piece:
        provider = self._roster.providers[name]
        answer, vendor_time = await self._call(
            name,
            query,
            deadline,
            lambda account: provider.request(query, account),
            lambda response: _judged(provider.parse(query, response), self._latest(query), response),
        )
        return Piece(answer, query.now, vendor_time)

    def _latest(self, query: Query) -> float:
        """The time up to which an answer may report: what was learned since the question may be later."""
        return max(query.now, self.vendor_time.now())

    async def _call(
        self,
        name: str,
        query: Query,
        deadline: float,
        ask: Callable[[Account], Request],
        read: Callable[[Response], _T],
    ) -> tuple[_T, float | None]:
        """One call: spend, send, parse, and note how it went. A cancelled call is not noted.

        Returns the answer, and when it was given by the provider's clock.
        """
        lane, account = self._roster.providers[name].facts.lane, self._roster.accounts[name]
        try:
            request = ask(account)
        except ProviderFault as fault:  # nobody was asked: there is no call to tell of
            self._roster.standings[name].note(query, fault, 0.0, self._clock())
            raise
        spent = await self._budget.spend(name, account.limits, self._time_left(deadline))
        if not isinstance(spent, Spent):
            raise NoRoom(spent)
        started, given, sent = perf_counter(), self._time_left(deadline), self.vendor_time.steady()
        try:
            response = await self._transport.send(request, lane, given)
            self.vendor_time.note(name, served_at(response), sent)
            if len(response.body) > PARSED_AT_ONCE:
                answer = await beside(lambda: _parsed(read, response))
            else:
                answer = _parsed(read, response)
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
        return answer, sent_at(response)

    async def _settle(self, spent: Spent) -> None:
        try:
            await self._budget.settle(spent)
        except StoreUnavailable as error:  # it counts to the end of its hold: too long, never too short
            self._tell(failed("budget", error))

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
        provider = self._roster.providers[name]
        many = provider.batch if not query.symbol else None  # what `quotes` asks for is about no symbol
        endpoint = many.endpoint if many else provider.facts.reach[query.capability].endpoint
        self._tell(ProviderAsked(name, endpoint, query.capability, code, elapsed, detail))


def _redacted(fault: ProviderFault, account: Account) -> ProviderFault:
    """The fault itself, without the account's secrets, in a length that can be logged."""
    fault.detail = redact(fault.detail, account.secrets)[:LONGEST_DETAIL]
    fault.payload = redact(fault.payload.decode("utf-8", "replace"), account.secrets).encode()
    fault.args = (fault.detail,)
    return fault


def _parsed(read: Callable[[Response], _T], response: Response) -> _T:
    """The answer in a response; raises the fault that it amounts to, whatever was wrong with it."""
    try:
        return read(response)
    except ProviderFault:
        raise
    except Exception as error:  # a parser's bug must not keep the next provider from being asked
        raise Malformed(f"it cannot be read: {type(error).__name__}", payload=response.body) from error


def _added(so_far: Bars, answer: Answer | Page) -> Answer | Page:
    """The bars that came so far with those of the next page; before the first there is nothing to join."""
    if not len(so_far):
        return answer
    if isinstance(answer, Page):
        return Page(_joined([so_far, answer.bars]), answer.token)
    return _joined([so_far, answer]) if isinstance(answer, Bars) else answer


def _judged(answer: _Told, now: float, response: Response) -> _Told:
    if isinstance(answer, Quote) and (wrong := _wrong(answer, now)):
        raise Malformed(wrong, payload=response.body)
    return answer


def _good(answer: dict[str, Quote], now: float, response: Response) -> dict[str, Quote]:
    """The quotes that are any; Malformed if none is."""
    good = {symbol: quote for symbol, quote in answer.items() if not _wrong(quote, now)}
    if answer and not good:
        raise Malformed(_wrong(next(iter(answer.values())), now), payload=response.body)
    return good


def _wrong(quote: Quote, now: float) -> str:
    """What is wrong with a quote; "" if nothing is."""
    if not (math.isfinite(quote.price) and quote.price > 0):
        return "a quote whose price is none"
    return "a quote from the future" if quote.ts > now + FUTURE_SECONDS else ""


def _joined(parts: list[Bars]) -> Bars:
    return replace(Bars.joined(parts), splits=joined(part.splits for part in parts))
