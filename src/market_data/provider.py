"""The contract of a provider: a table of facts and two pure functions, `request` and `parse`.

A provider never opens a socket. `request` says what to send for a question, `parse` reads what came back;
the transport, budgets, retries, health and redaction are everybody's and live elsewhere.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unavailable, Unsupported
from market_data.market.bar import Adjustment, Bars, Quote, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment

LARGEST_RETRY_AFTER = 86_400.0
"""Seconds; a provider that asks for a longer rest is asked again after a day."""

_T = TypeVar("_T")


class Lane(StrEnum):
    """Which client carries a request."""

    PLAIN = "plain"
    BROWSER = "browser"  # with the TLS fingerprint of a browser


@dataclass(frozen=True, slots=True)
class Query:
    """A question to any provider: bars that open within `span`, or the newest quote (`span` unused then)."""

    capability: Capability
    symbol: str
    asset_type: AssetType
    span: Span
    now: float  # epoch seconds at which it is asked
    page: str = ""  # the token of a further page of the answer; empty: its first

    def of(self, span: Span) -> "Query":
        """The same question for another span."""
        return replace(self, span=span)

    def __str__(self) -> str:
        return f"{self.capability} of {self.symbol} {self.span}"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What a provider states that it can do for one capability."""

    endpoint: str  # label of the metrics
    asset_types: frozenset[AssetType]
    adjustment: Adjustment = Adjustment.RAW
    volume_scope: VolumeScope = VolumeScope.UNKNOWN
    delay: int = 0  # seconds after a bar's end before the provider's bar is final
    depth: int | None = None  # seconds back from now that it can still answer; None: all of history
    longest_span: int | None = None  # seconds one call may cover; None: any
    months_of: str | None = None  # time zone whose calendar months one call may not cross; None: it may
    today_in: str | None = None  # time zone of whose running day it tells no bars; None: it tells the newest
    trades_alone: bool = False  # bars are made of trades alone: one whose price moves has a volume
    zero_is_unknown: bool = False  # a volume of 0 says that it does not know the volume
    early_and_late: bool = True  # whether minutes before the open and after the close are among its bars
    premium: bool = False  # free keys are known to be refused
    stock_venue: str = ""  # the one exchange whose trades in stocks it counts; "": all, or it is not known

    def told(self, query: Query) -> Span | None:
        """What of the question's span it has bars of at this moment; None: of nothing."""
        span, interval = query.span, query.capability.interval
        if interval is None:
            return span
        start, end = span.start, span.end
        if self.depth is not None:
            start = max(start, math.ceil(query.now - self.depth))
        if self.today_in is not None:
            end = min(end, _today(query.now, ZoneInfo(self.today_in), interval))
        return Span(start, end) if start < end else None

    def pieces(self, span: Span) -> list[Span]:
        """`span` cut so that one call can answer each piece, oldest first."""
        months = _months(span, ZoneInfo(self.months_of)) if self.months_of else [span]
        longest = self.longest_span or span.seconds
        return [piece for month in months for piece in month.split(longest)]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a provider whoever asks."""

    name: str  # its spelling in settings, metrics, tables and the API
    title: str
    settings_prefix: str  # FINNHUB for FINNHUB_API_KEY, FINNHUB_BASE_URL, FINNHUB_LIMITS
    base_url: str
    needs_key: bool
    limits: tuple[Limit, ...]  # of the free plan
    reach: Mapping[Capability, Reach]
    terms: str  # what its owner allows, in one line
    lane: Lane = Lane.PLAIN


@dataclass(frozen=True, slots=True)
class Account:
    """What the operator has with a provider; never shown, hence no repr of its secrets."""

    base_url: str
    limits: tuple[Limit, ...]
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must not leave the process except to the provider."""
        return tuple(text for text in (self.key, self.secret) if text)


@dataclass(frozen=True, slots=True)
class Request:
    """A GET to send."""

    url: str
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Answer = Bars | Quote


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer: its bars, and the token with which the next part is asked for."""

    bars: Bars
    token: str


@dataclass(frozen=True, slots=True)
class Batch:
    """How a provider tells the quotes of several symbols at once.

    The questions are of one asset type, `most` at most. `parse` returns the quotes by symbol; what it does
    not know is left out. Both raise as those of a Provider do.
    """

    endpoint: str  # label of the metrics
    most: int
    asset_types: frozenset[AssetType]
    request: Callable[[Sequence[Query], Account], Request]
    parse: Callable[[Sequence[Query], Response], dict[str, Quote]]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, ready to be asked; `batch` where it tells several quotes at once.

    `request` raises Unsupported where the question is beyond the provider. `parse` raises the ProviderFault
    that the response amounts to; where the provider says "nothing there" it returns no bars, not an error.
    Where the response is one of several pages it returns a Page: the query is asked again with its token.
    """

    facts: Facts
    request: Callable[[Query, Account], Request]
    parse: Callable[[Query, Response], Answer | Page]
    batch: Batch | None = None

    def at_once(self, query: Query) -> int:
        """Of how many symbols one call can answer `query`."""
        if query.capability.interval is not None or self.batch is None:
            return 1
        return self.batch.most if query.asset_type in self.batch.asset_types else 1


def read_json(response: Response, shape: type[_T]) -> _T:
    """The body as `shape` (a msgspec type); Malformed, with the payload, if it is anything else."""
    try:
        return msgspec.json.decode(response.body, type=shape, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not the documented JSON: {error}", payload=response.body) from error


class _PricedRow(Protocol):
    """A bar as a provider tells it, in numbers or in their texts; when it opened is each one's own matter."""

    @property
    def open(self) -> float | str: ...
    @property
    def high(self) -> float | str: ...
    @property
    def low(self) -> float | str: ...
    @property
    def close(self) -> float | str: ...
    @property
    def volume(self) -> float | str: ...


def bars_of(ts: Iterable[int], rows: Iterable[_PricedRow]) -> Bars:
    """Rows that opened at `ts` as bars, in their order; ValueError for a text that is no number."""
    return Bars.of(
        (at, float(row.open), float(row.high), float(row.low), float(row.close), float(row.volume))
        for at, row in zip(ts, rows, strict=True)
    )


def fault_of(response: Response) -> ProviderFault | None:
    """The fault that a status means at every provider; None for 2xx, whose body decides."""
    status, body = response.status, response.body
    fault: ProviderFault | None
    detail = f"HTTP {status}"
    match status:
        case _ if 200 <= status < 300:
            fault = None
        case 401:
            fault = Refused(detail, whole=True, payload=body)
        case 402 | 403:
            fault = Refused(detail, whole=False, payload=body)
        case 429 | 999:
            fault = Throttled(detail, retry_after=retry_after(response), payload=body)
        case 404 | 410:
            fault = Unsupported(detail, payload=body)
        case _ if status >= 500 or status == 408:
            fault = Unavailable(detail, payload=body)
        case _:
            fault = Malformed(f"{detail} is not in its protocol", payload=body)
    return fault


def retry_after(response: Response) -> float | None:
    """Seconds that the `Retry-After` header asks for (RFC 9110, both forms); None if absent or unreadable."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LARGEST_RETRY_AFTER)
    until, sent = _http_date(text), sent_at(response)
    if until is None or sent is None:
        return None
    return min(max(until - sent, 0.0), LARGEST_RETRY_AFTER)


def rest_until_reset(query: Query, response: Response, longest: float) -> float | None:
    """Seconds to rest after a refusal that has no `Retry-After`, but the moment at which its window is over.

    That is in `X-RateLimit-Reset` (epoch seconds, by their clock); None if absent or unreadable.
    """
    asked, reset = retry_after(response), response.headers.get("x-ratelimit-reset", "")
    if asked is not None or not (reset.isascii() and reset.isdigit()):
        return asked
    return min(max(float(reset) - their_time(query, response), 1.0), longest)


def rest_of_day(now: float, zone: ZoneInfo) -> float:
    """Seconds to the next midnight in `zone`, at most LARGEST_RETRY_AFTER."""
    tomorrow = moment(now).astimezone(zone).date() + timedelta(days=1)
    return min(datetime.combine(tomorrow, time(), zone).timestamp() - now, LARGEST_RETRY_AFTER)


def their_time(query: Query, response: Response) -> float:
    """Epoch seconds by the provider's own clock where it tells its time, else by ours."""
    sent = sent_at(response)
    return query.now if sent is None else sent


def sent_at(response: Response) -> float | None:
    """Epoch seconds of the `Date` header: the provider's own clock; None if absent or unreadable."""
    return _http_date(response.headers.get("date", ""))


def served_at(response: Response) -> float | None:
    """Epoch seconds by the clock of a response's server: a cache gives its age beside the older `Date`."""
    sent, age = sent_at(response), response.headers.get("age", "").strip()
    return sent + int(age) if sent is not None and age.isascii() and age.isdigit() else sent


def _http_date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date.timestamp() if date.tzinfo else None


def _today(now: float, zone: ZoneInfo, interval: Interval) -> int:
    """The label of the first bar of the day that is running in `zone`."""
    midnight = moment(now).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if interval is Interval.D1:  # labelled 00:00 UTC of its date
        midnight = midnight.replace(tzinfo=UTC)
    return int(midnight.timestamp())


def _months(span: Span, zone: ZoneInfo) -> list[Span]:
    pieces = []
    start = span.start
    while start < span.end:
        local = moment(start).astimezone(zone)
        year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
        end = min(int(datetime(year, month, 1, tzinfo=zone).timestamp()), span.end)
        pieces.append(Span(start, end))
        start = end
    return pieces
