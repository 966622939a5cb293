"""The contract of a voice: how tests ask one simulated provider for minutes, and read what it says.

`voices/` holds the choices, one file each, found by looking: a provider joins every test of the simulator by
adding its file.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.simulate import Fault

from .conftest import Got, Rig

Rows = list[tuple[Any, ...]]
"""Label in epoch seconds, open, high, low, close, volume; in the order in which they were told."""


@dataclass(frozen=True)
class Voice:
    """One provider's way to talk.

    `minutes` asks for the minutes of a span that one call can answer, `rows` reads the body of the answer.
    `closes` takes the body of ten rows, of which UNEQUAL_ARRAYS took a value, and counts the closes left.
    """

    name: str
    minutes: Callable[[Rig, str, Span], Awaitable[Got]]
    rows: Callable[[Any], Rows]
    closes: Callable[[Any], int]
    throttled: str  # its own words
    nothing: Callable[[Any], bool]  # whether a body says, in its own words, that there are no rows
    label: Callable[[Any], str] | None = None  # which symbol a body is about; None: it does not say
    asset_type: AssetType = AssetType.EQUITY
    rests: bool = False  # whether it sends a Retry-After of its own
    over_plan: tuple[int, str] | None = (
        None  # status and words where the plan is used up, if others than 429's
    )
    nan: str = "NaN"  # how it spells it
    left: int = 9  # closes that are left of ten by UNEQUAL_ARRAYS
    codes: Mapping[Fault, str] = field(default_factory=dict)
    """What the service makes of a fault, if not the usual; "": it reads the rows, and judges them."""

    @property
    def symbol(self) -> str:
        """Whom it is asked for."""
        return "BTC-USD" if self.asset_type is AssetType.CRYPTO else "AAPL"
