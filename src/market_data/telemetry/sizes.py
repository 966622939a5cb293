"""The gauges of the tables' sizes, measured once a minute at most, however many ask."""

from time import monotonic

from market_data.errors import StoreUnavailable
from market_data.store import sizes
from market_data.store.connect import Database
from market_data.store.sizes import Size

FRESH_SECONDS = 60.0
"""How long measured sizes are reused: on TimescaleDB each chunk is looked at."""


class Sizes:
    """The sizes of the tables of `database`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: list[Size] = []
        self._measured_at = -FRESH_SECONDS

    async def now(self) -> list[Size]:
        """The sizes, at most FRESH_SECONDS old; while a table is locked the last ones that are known."""
        if monotonic() - self._measured_at >= FRESH_SECONDS:
            self._measured_at = monotonic()
            try:
                self._known = await sizes.measured(self._database)
            except StoreUnavailable:  # other gauges of the database show an outage; a lock shows none
                return self._known
        return self._known
