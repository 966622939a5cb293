"""What must hold once a history has come to rest."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from lab.market import Market
from lab.rows import at, utc
from market_data.market.bar import Bars, Row
from market_data.market.span import Span

from .draw import History, Symbol
from .play import Played, read

PRICE = 2e-6
"""Share by which a price may differ: single precision, and what is rounded at another level."""
NAMED = {"failed", "unknown"}
"""States of coverage that say that a bar is missing, and why."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be; `kind` is one of a few words."""

    kind: str
    seed: int
    detail: str


async def check(market: Market, history: History, played: Played, only: tuple[str, ...]) -> list[Violation]:
    """Every violation of a history that has come to rest."""
    found = [("final before its end", one) for one in played.early]
    for symbol in history.symbols:
        window = Span(history.sessions[0].start, int(market.world.now))
        if symbol.unknown:
            found += [item async for item in _unknown(market, symbol, window)]
            continue
        found += [item async for item in _stored(market, symbol, window, only)]
        found += [item async for item in _built(market, symbol, window)]
    found += [item async for item in _replayed(market, played)]
    return [Violation(kind, history.seed, detail) for kind, detail in found]


Found = tuple[str, str]


async def _stored(market: Market, one: Symbol, window: Span, only: tuple[str, ...]) -> AsyncIterator[Found]:
    told = _told(market, one, window, only)
    rows = await market.sql(
        "SELECT extract(epoch FROM ts)::bigint AS at, close, high, low, open, provider, status, adjustment "
        "FROM candles_intraday WHERE symbol = $1 AND interval = '1m' ORDER BY ts", one.name,
    )  # fmt: skip
    final = {row["at"]: row for row in rows if row["status"] != "partial"}
    regular = market.truth.stories[one.name].hours.regular
    missing = sorted(
        {label for bars in told.values() for label in bars if regular.is_open(label)} - set(final)
    )
    if missing:
        states = await _states(market, one.name, window, missing)
        for label, (state, why) in states.items():
            if state == "vacant":
                yield "called vacant though a provider has it", f"{one.name} {utc(label)}: {why}"
            elif state not in NAMED or not why:
                yield "not stored and not named", f"{one.name} {utc(label)}: {state} {why}"
            else:
                yield "named as unfilled", f"{one.name} {utc(label)}: {state} {why}"
    for label, row in final.items():
        right = told.get(row["provider"], {}).get(label)
        if right is None:
            yield "stored though its provider has no such bar", f"{one.name} {utc(label)} {row['provider']}"
        elif abs(row["close"] / right[4] - 1) > PRICE:
            level = row["close"] / right[4]
            kind = "at another price level" if one.split and not 0.9 < level < 1.1 else "a wrong value"
            yield kind, f"{one.name} {utc(label)} {row['provider']}: {row['close']:g}, right is {right[4]:g}"


def _told(market: Market, one: Symbol, window: Span, only: Iterable[str]) -> dict[str, dict[int, Row]]:
    """By provider and label, the raw bars that it has by now and that are settled there."""
    story, now = market.truth.stories[one.name], market.world.now
    found: dict[str, dict[int, Row]] = {}
    for provider in only:
        bars = Bars.none()
        if provider not in story.unknown_at:
            bars = story.minutes_of(provider, window, now, adjusted=False)
        found[provider] = {row[0]: row for row in bars.rows() if row[0] + 60 + 180 <= now}
    return found


async def _states(market: Market, symbol: str, window: Span, labels: list[int]) -> dict[int, tuple[str, str]]:
    got = await market.get(f"/stats/coverage/{symbol}", start=utc(window.start), end=utc(window.end))
    assert got.status == 200, got.body
    runs = [(at(run["start"]), at(run["end"]), run["state"], run["why"]) for run in got.body["runs"]]
    return {
        label: next(((state, why) for start, end, state, why in runs if start <= label < end), ("", ""))
        for label in labels
    }


async def _unknown(market: Market, one: Symbol, window: Span) -> AsyncIterator[Found]:
    got = await market.get(f"/stats/coverage/{one.name}", start=utc(window.start), end=utc(window.end))
    states = {run["state"] for run in got.body["runs"]}
    if "vacant" in states or "filled" in states:
        yield "an unknown symbol counts as collected", f"{one.name}: {sorted(states)}"
    elif "available" in {day["condition"] for day in got.body["days"]}:
        yield "an unknown symbol counts as collected", f"{one.name}: a day is available"


async def _built(market: Market, one: Symbol, window: Span) -> AsyncIterator[Found]:
    """Built bars against the minutes of the same API, and each label once."""
    question = {"start": utc(window.start), "end": utc(window.end), "session": "regular", "limit": 10_000}
    minutes = (await market.get(f"/stocks/{one.name}/intraday", interval="1m", **question)).body["bars"]
    for interval, seconds in (("5m", 300), ("1h", 3600)):
        built = (await market.get(f"/stocks/{one.name}/intraday", interval=interval, **question)).body["bars"]
        labels = [bar["ts"] for bar in built]
        if len(labels) != len(set(labels)) or len(minutes) != len({bar["ts"] for bar in minutes}):
            yield "two rows for one label", f"{one.name} {interval}"
        grouped = _grouped(minutes, seconds)
        for bar in built:
            parts = grouped.get(at(bar["ts"]), [])
            if parts and (wrong := _differs(bar, parts)):
                yield "sums do not agree", f"{one.name} {interval} {bar['ts']}: {wrong}"


def _grouped(minutes: list[dict[str, Any]], seconds: int) -> dict[int, list[dict[str, Any]]]:
    """Minutes by the label of the built bar that they belong to; New York opens at half past, all year."""
    return {
        label: list(bars)
        for label, bars in groupby(minutes, lambda bar: at(bar["ts"]) - (at(bar["ts"]) - 1800) % seconds)
    }


def _differs(bar: dict[str, Any], parts: list[dict[str, Any]]) -> str:
    right = {
        "open": parts[0]["open"], "high": max(part["high"] for part in parts),
        "low": min(part["low"] for part in parts), "close": parts[-1]["close"],
    }  # fmt: skip
    if len({part["volume_scope"] for part in parts}) == 1:
        right["volume"] = sum(part["volume"] for part in parts)
    wrong = {key: (bar[key], value) for key, value in right.items()
             if bar[key] is None or abs(bar[key] - value) > 1e-6 * max(abs(value), 1)}  # fmt: skip
    return f"{wrong}" if wrong else ""


async def _replayed(market: Market, played: Played) -> AsyncIterator[Found]:
    for reading in played.readings:
        again = await read(market, reading.symbol, reading.interval, reading.window, as_of=reading.at + 0.9)
        differ = [label for label, bar in reading.bars.items() if again.bars.get(label) != bar]
        if differ:
            label = differ[0]
            yield (
                "as_of reads otherwise than it was",
                (
                    f"{reading.symbol} {reading.interval} {label} at {utc(reading.at)}: "
                    f"{reading.bars[label]} is {again.bars.get(label)}; {len(differ)} bars"
                ),
            )
