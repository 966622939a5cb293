"""What the service writes and reads, on the full TimescaleDB: the tests of the store once more."""

# ruff: noqa: F403, TID252
from ..test_bars_bulk import *
from ..test_bars_history import *  # type: ignore[assignment]  # its constants are its own
from ..test_bars_read import *
from ..test_bars_rejected import *
from ..test_bars_write import *
from ..test_copied import *
from ..test_cursor import *
from ..test_quotes import *
from ..test_read_built import *
