"""Recorded bars told by each protocol are the rows of the file, value for value."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from market_data.calendar import hours_of
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.providers import discover as providers
from market_data.simulate import Plan

from .answers import VOICES
from .conftest import Rig, Rigged, at

REAL = Path(__file__).parents[3] / "shared/data/mplfinance/SP500_NOV2019_IDay.csv"
NEW_YORK = ZoneInfo("America/New_York")
ALL = Span(at("2019-11-05T00:00:00Z"), at("2019-11-09T00:00:00Z"))
NOW = at("2019-11-09T12:00:00Z")
Table = dict[int, tuple[float, ...]]
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not REAL.is_file(), reason="the recorded S&P 500 minutes are not beside this checkout"
    ),
]


def recorded() -> Table:
    """The file by epoch seconds: open, high, low, close, volume."""
    table: Table = {}
    for line in REAL.read_text().splitlines()[1:]:
        time, o, c, h, low, v = line.split(",")
        label = datetime.strptime(time, "%m/%d/%Y %H:%M").replace(tzinfo=NEW_YORK)
        table[int(label.timestamp())] = (float(o), float(h), float(low), float(c), float(v))
    return table


async def by(it: Rig, provider: str) -> Table:
    """What a provider tells of the file's days, in calls that it can answer."""
    voice, reach = VOICES[provider], providers()[provider].facts.reach[Capability.BARS_1M]
    symbol = "SPX-USD" if voice.asset_type is AssetType.CRYPTO else "SPXX"
    table: Table = {}
    for piece in reach.pieces(ALL):
        if reach.depth is not None:  # what it tells no more later has to be asked for in time
            it.clock.now = min(NOW, piece.start + reach.depth)
        got = await voice.minutes(it, symbol, piece)
        table |= {row[0]: tuple(round(float(one), 2) for one in row[1:]) for row in voice.rows(got.json)}
    return {label: row for label, row in table.items() if label in ALL}


@pytest.mark.parametrize("provider", VOICES)
async def test_every_protocol_tells_the_recorded_minutes(rig: Rigged, provider: str) -> None:
    plans = {provider: Plan.UNLIMITED}
    it = await rig("2019-11-09T12:00:00Z", plans=plans, recorded=dict.fromkeys(("SPXX", "SPX-USD"), REAL))
    right = recorded()
    assert len(right) == 1563
    if not providers()[provider].facts.reach[Capability.BARS_1M].early_and_late:
        regular = hours_of("NYSE", AssetType.ETF).regular
        right = {label: row for label, row in right.items() if regular.is_open(label)}
        assert len(right) == 1560
    assert await by(it, provider) == right
