"""Plays a history through the service, until it has come to rest."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.market import Market, equity
from lab.rows import utc
from lab.truth import Split, bars_of
from market_data.market.span import Span

from .draw import History, Phase

EVENING = 2.3 * 3600
"""Seconds after a session's close at which what is left over from it is looked at."""
RESTS_AT = (0, 1, 4, 5)
"""The sessions after the history at whose evenings the service looks: by then nothing more comes."""
MOST_TURNS = 6
"""Turns of one evening."""
SCANS = 12
"""Scans of the last evening: each looks at one older session, and a service scans every minute."""
PAUSE = 660.0
"""Seconds between them: what waits since a symbol trades little is due by then."""

Answers = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Reading:
    """The final bars of an answer, and when it was given by the service's clock."""

    symbol: str
    interval: str
    window: Span
    at: float
    bars: Answers


@dataclass(slots=True)
class Played:
    """What was seen while a history was played."""

    readings: list[Reading] = field(default_factory=list)
    early: list[str] = field(default_factory=list)  # final bars that were not over yet


async def play(market: Market, history: History) -> Played:
    """Play it, from before its first session to the evening at which it has come to rest."""
    await _set_up(market, history)
    played = Played()
    for when in history.looks:
        await _phases(market, history.phases, when)
        await market.turn()
        if market.world.error > 0:
            played.early += await _early(market, history)
        if when in history.read_at:
            interval = ("1m", "5m", "5m", "15m")[int(when) % 4]
            played.readings.append(
                await read(market, history.symbols[0].name, interval, _window(history, when))
            )
    await _rest(market, history)
    return played


async def read(
    market: Market, symbol: str, interval: str, window: Span, as_of: float | None = None
) -> Reading:
    """The final bars that the API gives; with `as_of` (epoch seconds) as they were known then."""
    at = market.inside.now() if as_of is None else as_of
    more = {} if as_of is None else {"as_of": utc(at).replace("Z", f"{at % 1:.6f}"[1:] + "Z")}
    got = await market.get(
        f"/stocks/{symbol}/intraday", interval=interval, session="regular", limit=10_000,
        start=utc(window.start), end=utc(window.end), **more,
    )  # fmt: skip
    assert got.status == 200, json.dumps(got.body)
    keys = ("open", "high", "low", "close", "volume")
    bars = {
        one["ts"]: tuple(one[key] for key in keys) for one in got.body["bars"] if one["status"] != "partial"
    }
    return Reading(symbol, interval, window, at, bars)


def _window(history: History, when: float) -> Span:
    return Span(history.sessions[0].start, int(when) + 1)


async def _set_up(market: Market, history: History) -> None:
    first = history.sessions[0].start
    await market.at(first - 600.0)
    await market.sql("DELETE FROM symbol_universe")
    for one in history.symbols:
        if not one.unknown:
            story = market.truth.story(one.name)
            story.minutes = bars_of(one.rows)
            story.splits = [Split(*one.split)] if one.split else []
            story.unknown_at = set(one.unknown_at)
            for provider, _, edit in one.edits:
                story.edits.setdefault(provider, []).append(edit)
    await market.follows(*(equity(symbol.name) for symbol in history.symbols))
    await market.sql("UPDATE symbol_universe SET listed = to_timestamp($1)::date", float(first))


async def _phases(market: Market, phases: list[Phase], when: float) -> None:
    """Turn to a moment, with the faults and the clock's error that there are then."""
    market.provider().is_well()
    market.world.error = 0.0
    for phase in phases:
        if phase.start <= when < phase.end:
            if phase.fault:
                market.provider(phase.provider).suffers(phase.fault, phase.value)
            market.world.error += phase.clock_error
    await market.at(when)


async def _early(market: Market, history: History) -> list[str]:
    """Final minutes that are not over by the true time."""
    names = [symbol.name for symbol in history.symbols]
    rows = await market.sql(
        "SELECT symbol, ts FROM candles_intraday WHERE symbol = ANY ($1::text[]) AND status <> 'partial' "
        "AND ts > to_timestamp($2::float8)", names, market.world.now - 60,
    )  # fmt: skip
    return [f"{row['symbol']} {row['ts']:%Y-%m-%d %H:%M}" for row in rows]


def _evenings(history: History) -> Iterator[float]:
    sessions = [history.sessions[-1], *history.afterwards]
    for place in RESTS_AT:
        yield sessions[place].end + EVENING


async def _rest(market: Market, history: History) -> None:
    """Let the service look in the evenings that follow, until each time nothing is left to be done."""
    market.provider().is_well()
    market.world.error = 0.0
    *_, last = _evenings(history)
    for evening in _evenings(history):
        if evening < market.world.now:
            continue
        await market.at(evening)
        for _ in range(SCANS if evening == last else 0):
            await market.inside.scan()
        for _ in range(MOST_TURNS):
            await market.turn()
            if not await _waiting(market, history):
                break
            await market.later(PAUSE)


async def _waiting(market: Market, history: History) -> int:
    """How many backfills are due within the hour."""
    names = [symbol.name for symbol in history.symbols]
    [row] = await market.sql(
        "SELECT count(*) AS n FROM backfill_jobs WHERE symbol = ANY ($1::text[]) "
        "AND status IN ('queued', 'running') AND next_attempt_at < to_timestamp($2::float8)",
        names, market.world.service() + 3600.0,
    )  # fmt: skip
    return int(row["n"])
