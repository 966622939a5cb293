"""A fetch job: ask for one series, or for the quotes of several symbols."""

from typing import Self

import msgspec

from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.market.span import Span


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one series, or with `others` for more quotes; cheap to repeat. Times are epoch seconds."""

    symbol: str
    exchange: str
    asset_type: AssetType
    tier: Tier
    capability: Capability
    start: int
    end: int
    made_at: float
    expires_at: float  # a later sweep makes a newer job; this one is then worth nothing
    provider_hint: str | None = None  # to be preferred while it is in good health
    others: tuple[str, ...] = ()  # more symbols, of the same asset type

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("a job's span must end after it starts")

    @property
    def key(self) -> str:
        """What it is about: at most one job of a key waits or runs at a time."""
        return f"{self.capability}:{self.symbol}"

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that are asked for."""
        return (self.symbol, *self.others)

    @property
    def span(self) -> Span:
        """The span that is asked for."""
        return Span(self.start, self.end)

    @property
    def mark(self) -> str:
        """What tells it from others of its key."""
        return repr(self.made_at)

    @property
    def life_ms(self) -> int:
        """For how long its key is taken, in ms, if nobody ends it."""
        return max(1, int((self.expires_at - self.made_at) * 1000))

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The job that `body` tells as JSON; ValueError if it tells none."""
        if not body:
            raise ValueError("it has no field `job`")
        try:
            return msgspec.json.decode(body, type=cls)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
