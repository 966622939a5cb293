"""A line of the guide: what it says, what it promises, and how what is seen is judged."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from guide.errors import Broken, Unfit
from guide.stack import Stack


@dataclass(frozen=True, slots=True)
class Seen:
    """What a command gave: its exit code, and what it wrote."""

    code: int
    out: str
    err: str = ""


@dataclass(slots=True)
class Target:
    """What the guide is tried on: a throw-away stack, or a service that somebody else runs."""

    home: Path = Path()  # the folder that commands run in; it goes with the run
    url: str = ""
    libpq: dict[str, str] = field(
        default_factory=dict
    )  # the environment of psql; empty: no database was named
    stack: Stack | None = None
    day: str = ""
    drill: bool = True  # whether rows may be deleted, to be restored
    notes: dict[str, str] = field(default_factory=dict)
    """What a step leaves for one after it."""
    broken: set[str] = field(default_factory=set)
    """Drills of which a step was not possible: the rest of them is not tried."""

    @property
    def own(self) -> Stack:
        """The throw-away stack; Unfit where there is none."""
        if self.stack is None:
            raise Unfit("it needs a cluster, or the throw-away stack")
        return self.stack


Judge = Callable[[Seen, Target], str]
"""Says in some words what was seen; raises Broken where it is not what was promised."""
Act = Callable[[Target], str]
"""Does something in a program's stead, and says what; raises Broken or Unfit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the report."""

    guide: str = ""
    """The guide's own lines, as they stand there; none where the guide only says what is to be expected."""
    promise: str = ""
    judge: Judge | None = None
    """How what it gives is judged; without, it must succeed."""
    within: float = 0.0
    """Seconds in which what is promised must be seen: a command that only reads is repeated until then."""
    sql: bool = False
    """Whether it is typed into psql."""
    terminal: bool = False
    """Whether it wants a terminal, and ends only when it is stopped."""
    stand_in: str = ""
    """A command that is run in the guide's place."""
    why: str = ""
    """Why it is."""
    meanwhile: Act | None = None
    """What is done while it runs."""
    instead: Act | None = None
    """What is done here in place of the guide's line, where that needs a cluster."""
    unless: Act | None = None
    """Looks whether it can be tried here: raises Unfit where not."""
    skip: str = ""
    """Why it is never tried."""
    drill: str = ""
    """The drill it belongs to: it changes data, and where one of its steps cannot be done the rest is left."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section of the guide."""

    title: str
    steps: tuple[Step, ...]


class Verdict(StrEnum):
    """What came of a line."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report."""

    step: Step
    verdict: Verdict
    seen: str
    seconds: float


PAUSE_SECONDS = 0.5
"""Between two looks."""


def until(look: Callable[[], str], seconds: float) -> str:
    """What `look` says; while it raises Broken it is asked again, for so many seconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            return look()
        except Broken:
            if time.monotonic() >= end:
                raise
        time.sleep(PAUSE_SECONDS)
