"""What a simulator plays and how: frozen before it starts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from market_data.errors import BadConfig
from market_data.market.bar import Split
from market_data.simulate.fault import Switched
from market_data.simulate.protocol import Plan
from market_data.simulate.tapes.generated import DAYS_KEPT, SESSIONS_KEPT

USUAL_SYMBOLS = r"[A-Z]{1,5}(-[A-Z])?|\^[A-Z]{2,6}|[A-Z]{2,5}-USD"
"""AAPL, BRK-B, ^GSPC, BTC-USD and their like. NOSUCH, having six letters, is unknown everywhere."""


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """A simulator's settings; raises BadConfig with one line for each that cannot be used."""

    seed: int = 1
    recorded: Mapping[str, Path] = field(default_factory=dict)
    """Symbol → CSV; wins over generated bars. `yahoo/SPL` is what Yahoo alone plays of SPL."""
    symbols: str = USUAL_SYMBOLS  # regular expression of the generated symbols; empty: none
    plans: Mapping[str, Plan] = field(default_factory=dict)  # by provider; free where it is not named
    faults: tuple[Switched, ...] = ()
    splits: Mapping[str, Sequence[Split]] = field(default_factory=dict)  # by symbol; see Listing
    timezone: str = "America/New_York"  # of naive times in recorded files
    sessions_kept: int = SESSIONS_KEPT  # of generated minutes, in memory
    days_kept: int = DAYS_KEPT  # of generated daily bars, in memory

    def __post_init__(self) -> None:
        problems = []
        try:
            re.compile(self.symbols)
        except re.error as error:
            problems.append(f"symbols: {self.symbols!r} is not a regular expression: {error}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            problems.append(f"timezone: {self.timezone!r} is unknown: use one like America/New_York")
        if problems:
            raise BadConfig(problems)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of naive times in recorded files."""
        return ZoneInfo(self.timezone)
