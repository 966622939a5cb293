"""A life of the service: some histories one after another, on one database, the clock always moving on.

A seed stands for a whole life, so that what a history leaves behind in the process is played again too.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lab.market import MINUTES_ONLY
from lab.opening import market
from market_data.calendar import hours_of
from market_data.hosting import Stores
from market_data.market.instrument import AssetType
from market_data.market.span import Span

from .check import Violation, check
from .draw import PROVIDERS, History, draw
from .play import play

HISTORIES = 10
"""Histories of one life."""
SESSIONS = 10
"""Sessions of one history, those in which it comes to rest included."""
FIRST_DAY, LAST_DAY = 1_577_836_800, 1_719_792_000
"""Lives begin between the start of 2020 and the summer of 2024."""


@dataclass(slots=True)
class Life:
    """What came of the histories of a life."""

    seed: int
    only: tuple[str, ...] = ()
    violations: list[Violation] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # the histories in words
    named: int = 0  # minutes that are named as unfilled
    calls: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [f"LAB_SEED={self.seed} ({', '.join(self.only)})"]
        for told in self.told:
            seed = int(told.split(":")[0].removeprefix("seed "))
            wrong = [violation for violation in self.violations if violation.seed == seed]
            if wrong:
                lines += [told, *(f"    {one.kind}: {one.detail}" for one in wrong[:8])]
        return "\n".join(lines)


def histories(seed: int, count: int = HISTORIES) -> tuple[tuple[str, ...], list[History]]:
    """The providers of a life, and its histories in order."""
    chance = random.Random(seed)
    only = chance.choice(PROVIDERS)
    start = chance.randrange(FIRST_DAY, LAST_DAY)
    sessions = hours_of("XNYS", AssetType.EQUITY).regular.sessions(
        Span(start, start + 86_400 * SESSIONS * 2 * (count + 1))
    )
    chunks = list(_chunks(sessions, count))
    return only, [draw(seed * 100 + number, only, one) for number, one in enumerate(chunks)]


def _chunks(sessions: Sequence[Span], count: int) -> Iterator[list[Span]]:
    for number in range(count):
        yield list(sessions[1 + number * SESSIONS : 1 + (number + 1) * SESSIONS])


async def live(seed: int, stores: Stores, count: int = HISTORIES) -> Life:
    """Play the histories of a seed on empty stores."""
    only, told = histories(seed, count)
    life = Life(seed, only)
    random.seed(seed)  # the service draws its pauses
    started = time.perf_counter()
    first = told[0].sessions[0].start - 3600
    async with market(stores, first, only=only, settings=dict(MINUTES_ONLY)) as opened:
        for history in told:
            life.told.append(str(history))
            played = await play(opened, history)
            for one in await check(opened, history, played, only):
                if one.kind == "named as unfilled":
                    life.named += 1
                else:
                    life.violations.append(one)
        life.calls = opened.provider().calls()
    life.seconds = time.perf_counter() - started
    return life
