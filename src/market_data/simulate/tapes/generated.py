"""Bars made from a seed: any symbol, any minute, the same for ever."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from threading import Lock

import numpy as np

from market_data.market.bar import Bars, Mask, Numbers, Row, Times
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import SessionGrid
from market_data.market.span import Span
from market_data.simulate.rollup import by_interval, by_session, until
from market_data.simulate.tape import Listing, asset_type_of, trading_hours

FIRST_DAY = 1_262_304_000
"""2010-01-01: nothing was generated before."""
SESSIONS_KEPT = 512
"""Sessions of minutes held in memory: at most 70 kB each."""
DAYS_KEPT = 50_000
"""Daily bars held in memory, those asked for last: making one costs a session of minutes."""

_LEVELS = {
    "AAPL": 230.0,
    "AMZN": 215.0,
    "GOOGL": 175.0,
    "META": 590.0,
    "MSFT": 430.0,
    "NVDA": 135.0,
    "TSLA": 320.0,
    "SPY": 590.0,
    "QQQ": 510.0,
    "^GSPC": 5900.0,
    "BTC-USD": 96000.0,
    "ETH-USD": 3300.0,
    "SOL-USD": 190.0,
}  # fmt: skip - what a few known names cost, so that a demo looks right; any other price is as good
_WAVES = ((2, 0.02), (8, 0.03), (32, 0.06), (128, 0.10), (512, 0.15))
"""Days between the knots of a wave, and how far it moves the price: in all less than 36 %, up or down."""
_STEP = 0.0004
"""How far a minute moves the price, of the price, in regular hours."""
_THIN_STEP = 0.00015
_THIN_SHARE = 0.4
"""Of the minutes before the open and after the close, how many have trades."""
_THIN_VOLUME = 0.03


class GeneratedTape:
    """Every symbol that `symbols` (a regular expression) matches whole, made from `seed`.

    Nothing but `seed`, the symbol and the minute decides a bar. Only sums, products and raw random bits are
    used, none of numpy's distributions and no transcendental function: their results differ between versions
    and processors, and "the same for ever" has to outlive both.
    """

    def __init__(
        self, seed: int, symbols: str, sessions_kept: int = SESSIONS_KEPT, days_kept: int = DAYS_KEPT
    ) -> None:
        self._seed = seed
        self._symbols = re.compile(symbols)
        self._minutes: Callable[[str, Span], Bars] = lru_cache(sessions_kept)(self._make_minutes)
        self._days_kept = days_kept
        self._known_days: dict[tuple[str, int], Row | None] = {}  # what was asked for last is at the end
        self._lock = Lock()  # requests are answered by several threads

    def listing(self, symbol: str) -> Listing | None:
        """What `symbol` would be; None if the expression does not match it."""
        if not self._symbols.fullmatch(symbol):
            return None
        asset_type = asset_type_of(symbol)
        return Listing(symbol, symbol, asset_type, trading_hours(asset_type), FIRST_DAY)

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        """See Tape."""
        listing = self.listing(symbol)
        asked = span.overlap(Span(FIRST_DAY, max(int(now) + 1, FIRST_DAY + 1)))
        if listing is None or asked is None:
            return Bars.none()
        if interval is Interval.D1:
            return self._days(listing, asked, now)
        minutes = self._window(listing, Span(asked.start, asked.end + interval.seconds), now)
        bars = by_interval(minutes, interval, listing.hours)
        return bars.within(asked)

    def _window(self, listing: Listing, span: Span, now: float) -> Bars:
        sessions = [one for one in listing.hours.extended.sessions(span) if one.start < now]
        bars = Bars.joined([self._minutes(listing.symbol, one) for one in sessions])
        return until(bars.within(span), Interval.M1.seconds, now)

    def _days(self, listing: Listing, span: Span, now: float) -> Bars:
        over: list[Span] = []
        running: list[Row] = []
        for session in listing.hours.regular.sessions(Span(span.start, span.end + Interval.D1.seconds)):
            if session.start - session.start % Interval.D1.seconds not in span or session.start >= now:
                continue
            if session.end <= now:
                over.append(session)
            else:
                running = by_session(self._window(listing, session, now), listing.hours).rows()
        return Bars.of([*self._past(listing, over), *running])

    def _past(self, listing: Listing, sessions: Sequence[Span]) -> list[Row]:
        """The daily bars of sessions that are over."""
        with self._lock:
            known = {one: self._known_days.pop((listing.symbol, one.start), None) for one in sessions}
        by_whole = {
            listing.hours.extended.session_at(one.start) or one: one
            for one, row in known.items()
            if row is None
        }
        for _, alike in groupby(sorted(by_whole, key=_seconds), _seconds):
            some = list(alike)
            for whole, row in zip(some, self._make(listing.symbol, some).days(), strict=True):
                known[by_whole[whole]] = row
        with self._lock:
            self._known_days |= {(listing.symbol, one.start): row for one, row in known.items()}
            while len(self._known_days) > self._days_kept:
                del self._known_days[next(iter(self._known_days))]
        return [row for row in known.values() if row is not None]

    def _make_minutes(self, symbol: str, session: Span) -> Bars:
        made = self._make(symbol, [session]).minutes()
        for column in made.columns():
            column.setflags(write=False)  # it is kept, and given to everybody who asks
        return made

    def _make(self, symbol: str, sessions: Sequence[Span]) -> "_Sessions":
        """Sessions that are as long as each other."""
        asset_type = asset_type_of(symbol)
        hours = trading_hours(asset_type)
        minute = np.arange(0, sessions[0].seconds, Interval.M1.seconds, dtype=np.int64)
        ts = np.array([one.start for one in sessions], np.int64)[:, None] + minute
        regular = hours.regular.holds(ts)
        dice = self._dice(symbol, sessions, 10, len(minute))
        step = np.where(regular, _STEP, _THIN_STEP)
        price = self._path(symbol, sessions, hours.extended, (dice[0] + dice[1] - 1) * 2 * step)
        opens = np.round(price[:, :-1] * (1 + (dice[2] - 0.5) * 0.2 * step), 2)
        closes = np.round(price[:, 1:], 2)
        top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
        high = np.round(top * (1 + dice[3] * step * 0.6), 2)
        low = np.round(bottom * (1 - dice[4] * step * 0.6), 2)
        always = asset_type is AssetType.CRYPTO
        # where regular hours begin is the same in all
        shape = _always_shape(len(minute)) if always else _session_shape(regular[0])
        noise = 0.4 + dice[5] + dice[6] * dice[7] * dice[8]
        volume = np.floor(self._turnover(symbol) * shape * noise) + 1
        columns = (opens, np.maximum(high, top), np.minimum(low, bottom), closes, volume)
        return _Sessions(ts, regular, regular | (dice[9] < _THIN_SHARE), columns)

    def _path(self, symbol: str, sessions: Sequence[Span], grid: SessionGrid, moves: Numbers) -> Numbers:
        """Prices at the borders of the minutes: walks tied to their session's level and to the next one's."""
        begin = np.array([self._level(symbol, one.start) for one in sessions])[:, None]
        afters = ((one.end, grid.next_open(one.start)) for one in sessions)
        end = np.array([self._level(symbol, at if after is None else after) for at, after in afters])[:, None]
        minutes = moves.shape[1]
        at = np.arange(minutes + 1) / minutes
        walk = np.concatenate((np.zeros((len(moves), 1)), np.cumsum(moves, axis=1)), axis=1)
        path: Numbers = (begin + (end - begin) * at) * (1 + walk - walk[:, -1:] * at)
        return path

    def _level(self, symbol: str, at: int) -> float:
        """The price at which the day of `at` begins, whatever was asked before: waves of five lengths."""
        day = at // Interval.D1.seconds
        moved = 0.0
        for length, reach in _WAVES:
            knot, into = divmod(day, length)
            before, behind = (2 * self._number(symbol, f"{length}:{one}") - 1 for one in (knot, knot + 1))
            moved += reach * (before + (behind - before) * into / length)
        return self._base(symbol) * (1 + moved)

    def _base(self, symbol: str) -> float:
        return _LEVELS.get(symbol) or 20 + 480 * self._number(symbol, "price")

    def _turnover(self, symbol: str) -> float:
        """Units traded in an average minute: half a million to fifteen million of the currency's worth."""
        return (5e5 + 1.45e7 * self._number(symbol, "turnover")) / self._base(symbol)

    def _number(self, symbol: str, about: str) -> float:
        """A number in [0, 1) that only the seed, the symbol and what it is about decide."""
        digest = blake2b(f"{self._seed}|{symbol}|{about}".encode(), digest_size=6).digest()
        return int.from_bytes(digest) / 2**48

    def _dice(self, symbol: str, sessions: Sequence[Span], rows: int, columns: int) -> Numbers:
        """Numbers in [0, 1) of shape (rows, sessions, columns)."""
        raw = np.empty((rows, len(sessions), columns), np.uint64)
        for place, one in enumerate(sessions):
            digest = blake2b(f"{self._seed}|{symbol}|{one.start}".encode(), digest_size=16).digest()
            rolled = np.random.Philox(key=int.from_bytes(digest)).random_raw(rows * columns)
            raw[:, place] = rolled.reshape(rows, columns)
        dice: Numbers = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return dice


@dataclass(frozen=True, slots=True)
class _Sessions:
    """Sessions of the same hours, minute by minute, all shape (sessions, minutes); columns as in Bars."""

    ts: Times
    regular: Mask
    traded: Mask
    columns: tuple[Numbers, Numbers, Numbers, Numbers, Numbers]

    def minutes(self) -> Bars:
        """The minutes that have trades, of all sessions one after the other."""
        return Bars(self.ts[self.traded], *(column[self.traded] for column in self.columns))

    def days(self) -> list[Row]:
        """Of each session, the daily bar of its regular hours."""
        first, *_, last = np.flatnonzero(self.regular[0])
        inside = slice(first, last + 1)
        opens, highs, lows, closes, volumes = (column[:, inside] for column in self.columns)
        labels = self.ts[:, first] - self.ts[:, first] % Interval.D1.seconds
        told = (labels, opens[:, 0], highs.max(1), lows.min(1), closes[:, -1], volumes.sum(1))
        return list(zip(*(column.tolist() for column in told), strict=True))


def _seconds(session: Span) -> int:
    return session.seconds


def _session_shape(regular: Mask) -> Numbers:
    """Much at the open, little at noon, most at the close; hardly anything outside the regular session."""
    count = int(regular.sum())
    square = np.linspace(-1, 1, count) ** 2
    shape = np.full(len(regular), _THIN_VOLUME)
    shape[regular] = 0.6 + 2.4 * square * square
    if count > 1:
        first, *_, last = np.flatnonzero(regular)
        shape[first] *= 3
        shape[last] *= 4
    return shape


def _always_shape(minutes: int) -> Numbers:
    """Of an always-open market: most in the middle of the UTC day, when Europe and America are awake."""
    noon = np.abs(np.arange(minutes, dtype=np.float64) * 2 / minutes - 1)
    shape: Numbers = 1.3 - noon * 0.8
    return shape
