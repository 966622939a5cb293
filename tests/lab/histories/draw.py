"""Draws a history from a seed: what trades, what befalls providers and clocks, and when the service looks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from lab import truth
from lab.rows import MINUTE
from lab.truth import Edit
from market_data.market.bar import Row
from market_data.market.span import Span

PROVIDERS = (
    ("yahoo",),
    ("alpaca",),
    ("alpaca", "yahoo"),
    ("alpaca", "tiingo", "yahoo"),
    ("twelvedata", "yahoo"),
)
"""The enabled providers of a service's life."""
ACTIVE_MINUTES = (18, 24, 30)
"""How long each session trades after its open; nothing trades in the rest of it."""
AFTERWARDS_MINUTES = 3
"""How long the sessions after the history trade, so that the feeds are seen to have moved on."""
RATIOS = (2.0, 3.0, 4.0, 10.0, 20.0, 0.1)
CLOCK_ERRORS = (-100.0, -30.0, 30.0, 100.0, 3600.0, 5 * 3600.0)


@dataclass(slots=True)
class Symbol:
    """One symbol of a history."""

    name: str
    rows: list[Row] = field(default_factory=list)
    split: tuple[int, float] | None = None  # 00:00 UTC of its session, ratio
    edits: list[tuple[str, str, Edit]] = field(default_factory=list)  # provider, what it is, the edit
    unknown_at: list[str] = field(default_factory=list)
    unknown: bool = False  # to everybody: it is misspelt

    def __str__(self) -> str:
        what = [f"{provider} {words}" for provider, words, _ in self.edits]
        what += [f"unknown at {provider}" for provider in self.unknown_at]
        split = f" split {self.split[1]:g}" if self.split else ""
        return f"{self.name}{' unknown' if self.unknown else ''}{split} ({'; '.join(what)})"


@dataclass(frozen=True, slots=True)
class Phase:
    """Something that lasts from `start` to `end` (true time)."""

    start: float
    end: float
    provider: str = ""
    fault: str = ""
    value: float | None = None
    clock_error: float = 0.0


@dataclass(slots=True)
class History:
    """All of it, ready to be played."""

    seed: int
    sessions: list[Span]  # those of the history
    afterwards: list[Span]  # those in which it comes to rest
    symbols: list[Symbol]
    phases: list[Phase]
    looks: list[float]  # true times at which the service has its turn, in order
    read_at: list[float]  # after which of them answers are recorded

    def __str__(self) -> str:
        told = [str(symbol) for symbol in self.symbols]
        phases = [f"{phase.provider} {phase.fault} {phase.value or ''}".strip()
                  or f"clock {phase.clock_error:+g} s" for phase in self.phases]  # fmt: skip
        return f"seed {self.seed}: {'; '.join([*told, *phases])}"


def draw(seed: int, only: tuple[str, ...], sessions: list[Span]) -> History:
    """The history of a seed for these providers; `sessions` are those of the calendar from its first on."""
    chance = Random(seed)
    count = chance.choices((1, 2, 3), (6, 3, 1))[0]
    active = chance.choice(ACTIVE_MINUTES)
    played, later = sessions[:count], sessions[count:]
    symbols = [
        _symbol(chance, f"L{seed % 10_000_000:07d}{letter}", played, later, active)
        for letter in "AB"[: chance.choices((1, 2), (1, 1))[0]]
    ]
    for symbol in symbols:
        _befall(chance, symbol, only, played, later)
    if chance.random() < 0.1:
        symbols.append(Symbol(f"L{seed % 10_000_000:07d}X", unknown=True))
    looks = _looks(chance, played, active)
    read_at = sorted(chance.sample(looks, min(2, len(looks))))
    return History(seed, played, later, symbols, _phases(chance, only, played, active), looks, read_at)


def _symbol(chance: Random, name: str, played: list[Span], later: list[Span], active: int) -> Symbol:
    split = None
    if (len(played) > 1 and chance.random() < 0.5) or chance.random() < 0.1:
        first = (played[1] if len(played) > 1 else later[0]).start
        split = (first - first % 86_400, chance.choice(RATIOS))
    density = chance.choices((1.0, 0.8, 0.4), (6, 2, 2))[0]
    price = chance.choice((0.5, 12.0, 150.0, 2400.0))
    rows: list[Row] = []
    for number, session in enumerate([*played, *later]):
        if split and session.start - session.start % 86_400 == split[0]:
            price /= split[1]
        if 0 < number < len(played) and chance.random() < 0.1:
            continue  # halted all day
        minutes = active if number < len(played) else AFTERWARDS_MINUTES
        halt = chance.randrange(2, minutes) if chance.random() < 0.15 and minutes > 5 else minutes
        for minute in range(minutes):
            traded = minute < halt or minute >= halt + 8
            if traded and (chance.random() < density or minutes == AFTERWARDS_MINUTES):
                rows.append(_row(chance, session.start + MINUTE * minute, price))
                price = rows[-1][4]
        if chance.random() < 0.8:  # the closing cross: the feed is seen to have moved past the session
            rows.append(_row(chance, session.end, price))
    return Symbol(name, rows, split)


def _row(chance: Random, label: int, opened: float) -> Row:
    close = _cents(opened * (1 + chance.gauss(0, 0.002)))
    start = _cents(opened)
    high = _cents(max(start, close) * (1 + abs(chance.gauss(0, 0.001))))
    low = _cents(min(start, close) * (1 - abs(chance.gauss(0, 0.001))))
    return (
        label,
        start,
        max(high, start, close),
        min(low, start, close),
        close,
        float(chance.randrange(1, 400) * 100),
    )


def _cents(price: float) -> float:
    return round(price, 2) if price > 5 else round(price, 4)


def _befall(
    chance: Random, one: Symbol, only: tuple[str, ...], played: list[Span], later: list[Span]
) -> None:
    """What each provider does not have of a symbol, or has late or otherwise."""
    for provider in only:
        if chance.random() < 0.1 and len(only) > 1 and provider != only[0]:
            one.unknown_at.append(provider)
            continue
        if chance.random() < 0.55:
            what, edit = chance.choice(_TROUBLES)(chance, one, played, later)
            one.edits.append((provider, what, edit))


Trouble = Callable[[Random, Symbol, list[Span], list[Span]], tuple[str, Edit]]


def _holes(chance: Random, one: Symbol, *_: list[Span]) -> tuple[str, Edit]:
    count = chance.choice((3, 5, 9))
    return f"misses every {count}th minute", truth.every(count, chance.randrange(count))


def _late(chance: Random, *_: object) -> tuple[str, Edit]:
    minutes = chance.choice((2, 5, 8, 15, 30))
    return f"is always {minutes} min late", truth.late(minutes * 60)


def _late_while(chance: Random, one: Symbol, played: list[Span], later: list[Span]) -> tuple[str, Edit]:
    minutes, end = chance.choice((5, 15, 40)), played[-1].start + chance.choice((900, 1800, 3600))
    return f"is {minutes} min late for a while", truth.late_while(minutes * 60, end)


def _silent(chance: Random, one: Symbol, played: list[Span], later: list[Span]) -> tuple[str, Edit]:
    start = chance.choice(played).start + chance.randrange(0, 1200)
    seconds = chance.choice((300, 1200, 7200))
    return f"has nothing for {seconds} s", truth.silent(start, start + seconds)


def _hidden(chance: Random, one: Symbol, played: list[Span], later: list[Span]) -> tuple[str, Edit]:
    session = chance.choice(played)
    labels = [row[0] for row in one.rows if row[0] in session and chance.random() < 0.3]
    after = chance.choice((0, 1, 3))
    until = played[-1].end + 3600 if after == 0 else later[after - 1].end
    return f"has {len(labels)} minutes {after} sessions late", truth.hidden(labels, until)


def _whole_session(chance: Random, one: Symbol, played: list[Span], later: list[Span]) -> tuple[str, Edit]:
    session = chance.choice(played)
    labels = [row[0] for row in one.rows if row[0] in session]
    after = chance.choice((1, 2, 4))
    return f"has a whole session {after} sessions late", truth.hidden(labels, later[after - 1].end)


def _revised(chance: Random, one: Symbol, played: list[Span], later: list[Span]) -> tuple[str, Edit]:
    rows = [row for row in one.rows if row[0] < played[-1].end]
    row = chance.choice(rows or one.rows)
    since = row[0] + 60 + chance.choice((240, 900, 3600))
    close = _cents(row[4] * 1.004)
    return f"revises a minute {since - row[0]} s later", truth.revised(row[0], since, close=close)


_TROUBLES: tuple[Trouble, ...] = (_holes, _late, _late_while, _silent, _hidden, _whole_session, _revised)


def _phases(chance: Random, only: tuple[str, ...], played: list[Span], active: int) -> list[Phase]:
    """Outages of providers, and a clock that is wrong for a while."""
    phases: list[Phase] = []
    while chance.random() < 0.35 and len(phases) < 2:
        start = chance.choice(played).start + chance.randrange(0, active * 60)
        fault = chance.choice(("http_500", "http_502", "garbage", "maintenance", "http_429"))
        phases.append(Phase(start, start + chance.choice((200, 900, 3000)), chance.choice(only), fault))
    if chance.random() < 0.15:
        start = chance.choice(played).start + chance.randrange(0, active * 60)
        phases.append(
            Phase(start, start + chance.choice((300, 900)), clock_error=chance.choice(CLOCK_ERRORS))
        )
    return phases


def _looks(chance: Random, played: list[Span], active: int) -> list[float]:
    """When the service looks: every few minutes while something trades; now and then it is away for a day."""
    looks: list[float] = []
    for number, session in enumerate(played):
        if number and chance.random() < 0.15:
            continue  # it is switched off
        at = session.start + chance.randrange(60, 400)
        while at < session.start + active * 60 + 900:
            looks.append(float(at))
            at += chance.choice((120, 300, 420, 600))
        looks.append(session.end + 2.3 * 3600)
    return looks
