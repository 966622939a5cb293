"""The faults of rows: a tape as a failing provider tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from market_data.market.bar import Bars, Mask
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate.fault import Fault, Switched
from market_data.simulate.tape import Listing, Tape

OTHER_SYMBOLS = ("OTHER", "ANOTHER")
"""Whom a wrong answer is about: the second, if the first was asked for."""

_MIX = np.uint64(0x9E3779B97F4A7C15)  # of splitmix64: spreads consecutive minutes over all numbers


@dataclass(frozen=True, slots=True)
class SpoiledTape:
    """`tape` under the faults that struck one request."""

    tape: Tape
    faults: Mapping[Fault, Switched]

    def listing(self, symbol: str) -> Listing | None:
        """What the tape knows, under another symbol's label if that is the fault."""
        found = self.tape.listing(symbol)
        if found is None or Fault.WRONG_SYMBOL not in self.faults:
            return found
        return replace(found, label=OTHER_SYMBOLS[symbol == OTHER_SYMBOLS[0]])

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        """What the tape has, with each fault done to it in turn."""
        bars = self.tape.bars(symbol, interval, span, now)
        for fault, spoil in _SPOILS.items():
            if fault in self.faults and len(bars):
                bars = spoil(bars, _Case(self.faults[fault].amount or 0.0, interval, now))
        return bars


def spoils_rows(fault: Fault) -> bool:
    """Whether a fault is done to rows."""
    return fault in _SPOILS


@dataclass(frozen=True, slots=True)
class _Case:
    amount: float
    interval: Interval
    now: float


def _hit(bars: Bars, percent: float) -> Mask:
    """The rows that a share chooses: by their label, so that a row is hit however often it is asked for."""
    mixed = bars.ts.astype(np.uint64) // np.uint64(Interval.M1.seconds) * _MIX
    return (mixed >> np.uint64(32)).astype(np.float64) < percent / 100 * 2.0**32


def _none(_bars: Bars, _: _Case) -> Bars:
    return Bars.none()


def _late(bars: Bars, case: _Case) -> Bars:
    if case.interval is Interval.D1:
        return bars
    return bars.take(bars.ts + case.interval.seconds <= case.now - case.amount * Interval.M1.seconds)


def _missing(bars: Bars, case: _Case) -> Bars:
    return bars if case.interval is Interval.D1 else bars.take(~_hit(bars, case.amount))


def _dearer(bars: Bars, _: _Case) -> Bars:
    return replace(bars, open=bars.open * 2, high=bars.high * 2, low=bars.low * 2, close=bars.close * 2)


def _revised(bars: Bars, case: _Case) -> Bars:
    close = np.round(bars.close * (1 + case.amount / 100), 2)
    volume = np.floor(bars.volume * (1 + case.amount / 100)) + 1
    return replace(bars, close=close, high=np.maximum(bars.high, close), volume=volume)


def _nan(bars: Bars, case: _Case) -> Bars:
    return replace(bars, close=np.where(_hit(bars, case.amount), np.nan, bars.close))


def _negative(bars: Bars, case: _Case) -> Bars:
    sign = np.where(_hit(bars, case.amount), -1.0, 1.0)
    # high and low change places, so that the sign is all that is wrong
    high, low = np.where(sign < 0, bars.low, bars.high), np.where(sign < 0, bars.high, bars.low)
    return replace(bars, open=bars.open * sign, high=high * sign, low=low * sign, close=bars.close * sign)


def _first_volume_zero(bars: Bars, case: _Case) -> Bars:
    if case.interval is Interval.D1:
        return bars
    return replace(bars, volume=np.where(np.arange(len(bars)) == 0, 0.0, bars.volume))


def _twice(bars: Bars, case: _Case) -> Bars:
    return bars.take(np.repeat(np.arange(len(bars)), np.where(_hit(bars, case.amount), 2, 1)))


def _conflicting(bars: Bars, case: _Case) -> Bars:
    twice = _twice(bars, case)
    repeat = np.diff(twice.ts, prepend=twice.ts[0] - 1) == 0
    close = np.where(repeat, (twice.high + twice.low) / 2, twice.close)
    close = np.where(repeat & (close == twice.close), twice.close * 1.01, close)
    return replace(twice, close=close, high=np.maximum(twice.high, close))


def _shuffled(bars: Bars, _: _Case) -> Bars:
    at = np.arange(len(bars))
    return bars.take(np.concatenate((at[1::2], at[::2])))


_SPOILS: Mapping[Fault, Callable[[Bars, _Case], Bars]] = {
    Fault.NO_DATA: _none,
    Fault.LATE_BARS: _late,
    Fault.MISSING_MINUTES: _missing,
    Fault.WRONG_SYMBOL: _dearer,
    Fault.REVISED_BARS: _revised,
    Fault.NAN: _nan,
    Fault.NEGATIVE: _negative,
    Fault.FIRST_VOLUME_ZERO: _first_volume_zero,
    Fault.DUPLICATE_ROWS: _twice,
    Fault.CONFLICTING_ROWS: _conflicting,
    Fault.OUT_OF_ORDER: _shuffled,
}
