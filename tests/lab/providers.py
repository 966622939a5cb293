"""A provider as a scenario speaks of it: late, silent, out, or with bars of its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from market_data.market.bar import Row
from market_data.simulate import Fault, Running, Switched
from market_data.simulate.fault import EVERY

from . import truth
from .rows import at
from .truth import Truth


@dataclass(frozen=True, slots=True)
class ProviderVerbs:
    """What can befall one provider, or with `*` all of them."""

    name: str
    simulator: Running
    story: Truth
    now: Callable[[], float]

    def suffers(
        self, fault: str, value: float | None = None, *, symbol: str | None = None, times: int | None = None
    ) -> None:
        """Switch a fault of the simulator on."""
        self.simulator.switchboard.switch_on(Switched(self.name, Fault(fault), symbol, value, 1.0, times))

    def is_late(self, minutes: float, symbol: str | None = None) -> None:
        """It holds back the newest minutes."""
        self.suffers("late_bars", minutes, symbol=symbol)

    def has_nothing(self, symbol: str | None = None) -> None:
        """It says that there are no bars."""
        self.suffers("no_data", symbol=symbol)

    def is_out(self) -> None:
        """It answers 500."""
        self.suffers("http_500")

    def is_well(self) -> None:
        """All faults are over."""
        self.simulator.switchboard.switch_off(self.name)

    def misses(self, symbol: str, *times: str) -> None:
        """It never has these minutes."""
        self._edit(symbol, truth.missing([at(moment) for moment in times]))

    def misses_every(self, count: int, symbol: str, offset: int = 0) -> None:
        """It never has every `count`th minute."""
        self._edit(symbol, truth.every(count, offset))

    def has(self, symbol: str, rows: Iterable[Row]) -> None:
        """It has these minutes (raw) and no others."""
        self.story.story(symbol).own_minutes[self.name] = truth.bars_of(rows)

    def has_days(self, symbol: str, rows: Iterable[Row]) -> None:
        """It has these days (raw) and no others."""
        self.story.story(symbol).own_days[self.name] = truth.bars_of(rows)

    def revises(self, symbol: str, minute: str, **values: float) -> None:
        """From now on it reports other values of a minute."""
        self._edit(symbol, truth.revised(at(minute), self.now(), **values))

    def calls(self) -> int:
        """How often it has been asked."""
        counts = self.simulator.calls
        names = counts if self.name == EVERY else (self.name,)
        return sum(counts[name].asked for name in names)

    def _edit(self, symbol: str, edit: truth.Edit) -> None:
        self.story.story(symbol).edits.setdefault(self.name, []).append(edit)
