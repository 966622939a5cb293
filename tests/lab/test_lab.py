"""The lab itself: a quiet hour is collected whole, and costs little."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, equity
from .rows import session

pytestmark = pytest.mark.anyio


async def test_an_hour_in_which_nothing_happens_is_stored_whole(lab: Lab) -> None:
    market = await lab("2024-06-12 13:30", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("CALM", session("2024-06-12", step=0.01))
    await market.follows(equity("CALM"))
    await market.run_until("2024-06-12 14:30")
    assert await market.lost("CALM", "2024-06-12 13:30", "2024-06-12 14:28") == []
    assert await market.wrong("CALM", "2024-06-12 13:30", "2024-06-12 14:28") == []
    assert await market.states("CALM", "2024-06-12 13:30", "2024-06-12 14:28") == {"filled"}
