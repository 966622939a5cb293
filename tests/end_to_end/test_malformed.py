"""Whatever a provider answers: the fault is named, no bad bar is stored, and the next cycle goes on."""

from datetime import UTC, datetime

import pytest

from market_data.calendar import hours_of
from market_data.market.bar import Row
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.span import Span, epoch
from market_data.providers import discover
from market_data.simulate import FAULTS, Fault, Switched
from market_data.simulate import discover as protocols
from market_data.store.connect import Database
from simulate.voices import discover as voices

from .collector import CALL_SECONDS, Collector, collecting

pytestmark = pytest.mark.anyio

AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
VOICES = voices()
MINUTES_AFTER = {
    AAPL: datetime(2024, 7, 2, 13, 33, 30, tzinfo=UTC),
    BITCOIN: datetime(2024, 7, 2, 0, 3, 30, tzinfo=UTC),  # its sessions are the days of UTC
}
"""The first bar of a session is among the newest: a fault strikes only that one."""
EVENING = datetime(2024, 7, 2, 21, 30, 30, tzinfo=UTC)
DAY = 86_400
WEEK = 7 * DAY

CODES = {
    Fault.LATENCY: "unavailable",
    Fault.HANG: "unavailable",
    Fault.HTTP_429: "throttled",
    Fault.HTTP_500: "unavailable",
    Fault.HTTP_502: "unavailable",
    Fault.OVER_PLAN: "throttled",
    Fault.MAINTENANCE: "malformed",
    Fault.GARBAGE: "malformed",
    Fault.CUT_BODY: "unavailable",
    Fault.SLOW_BODY: "unavailable",
    Fault.LARGE_BODY: "malformed",
    Fault.WRONG_SCHEMA: "malformed",
    Fault.UNEQUAL_ARRAYS: "malformed",
    Fault.WRONG_SYMBOL: "malformed",
    Fault.NAN: "malformed",
}
"""What the fault amounts to, where the whole answer is refused; some providers' voices say otherwise."""
REASONS = {
    Fault.NAN: "not_finite",
    Fault.NEGATIVE: "not_positive",
    Fault.CONFLICTING_ROWS: "conflict",
}
"""Why rows are not believed, where the answer as a whole could be read."""
PLAUSIBLE = {Fault.REVISED_BARS, Fault.FIRST_VOLUME_ZERO}
"""Nobody could tell these from the truth: they are stored, and corrected once the provider tells it."""

VALUES = {Fault.LATENCY: 2000 * CALL_SECONDS}  # in ms: twice as long as is waited

SLOW = {Fault.LATENCY, Fault.HANG, Fault.SLOW_BODY}
"""Faults that the transport ends, after CALL_SECONDS: one provider a lane shows all that there is to see."""
A_LANE = {one.facts.lane: name for name, one in sorted(discover().items())}

CASES = [
    (provider, fault)
    for provider in VOICES
    for fault in FAULTS
    if fault not in protocols()[provider].facts.mute
    if fault not in SLOW or provider in A_LANE.values()
]


def test_every_fault_of_the_simulator_is_expected_to_do_something() -> None:
    silent = {
        Fault.NO_DATA,
        Fault.LATE_BARS,
        Fault.MISSING_MINUTES,
        Fault.DUPLICATE_ROWS,
        Fault.OUT_OF_ORDER,
    }
    assert set(CODES) | set(REASONS) | PLAUSIBLE | silent == set(Fault)


@pytest.mark.parametrize(("provider", "fault"), CASES)
async def test_a_fault_is_named_stores_nothing_wrong_and_is_over_when_it_is_over(
    provider: str, fault: Fault, database: Database, redis_url: str
) -> None:
    instrument = BITCOIN if VOICES[provider].asset_type is AssetType.CRYPTO else AAPL
    begin = EVENING if _late(provider) else MINUTES_AFTER[instrument]
    step = DAY if _late(provider) else 200
    async with collecting(provider, instrument, database, redis_url, float(epoch(begin))) as collector:
        assert await collector.cycle() == []
        before = await _sound(collector, provider, instrument)

        collector.simulator.switchboard.switch_on(Switched(provider, fault, value=VALUES.get(fault)))
        collector.clock.now += step
        said = {one.provider: one.code for one in await collector.cycle()}
        code = VOICES[provider].codes.get(fault, CODES.get(fault, ""))
        assert said.get(provider, "") == code
        if fault not in PLAUSIBLE:
            await _sound(collector, provider, instrument)
        assert await collector.rejected() == ({REASONS[fault]} if fault in REASONS and not code else set())

        collector.simulator.switchboard.switch_off()
        collector.clock.now = max(collector.clock.now + step, collector.resting_until())
        assert await collector.cycle() == []
        after = await _sound(collector, provider, instrument, trusting=fault not in PLAUSIBLE)
        assert len(after) > len(before)
        if not _late(provider):  # whose step is longer than what a sweep asks for again
            assert _complete(collector, instrument, after)


def _late(provider: str) -> bool:
    """Whether it tells a day's minutes after the day; the others do at once."""
    return discover()[provider].facts.reach[Capability.BARS_1M].delay >= DAY


async def _sound(
    collector: Collector, provider: str, instrument: Instrument, *, trusting: bool = True
) -> list[Row]:
    """The stored bars, each of which is the market's own; of the newest only, where not `trusting`."""
    stored = await collector.stored(instrument.symbol)
    assert stored
    assert len({row[0] for row in stored}) == len(stored)
    now = int(collector.clock())
    truth = collector.truth(instrument.symbol, Span(now - WEEK, now))
    regular = hours_of(instrument.exchange, instrument.asset_type).regular
    for row in stored if trusting else stored[-4:]:
        # Yahoo tells no volume of early and late trading
        width = 6 if provider != "yahoo" or regular.is_open(row[0]) else 5
        assert row[:width] == truth[row[0]][:width]
    return stored


def _complete(collector: Collector, instrument: Instrument, stored: list[Row]) -> bool:
    """Whether every minute of the newest session that is settled is stored."""
    now = int(collector.clock())
    session = hours_of(instrument.exchange, instrument.asset_type).regular.session_before(now)
    assert session is not None
    minutes = collector.truth(instrument.symbol, Span(session.start, min(session.end, now)))
    settled = {ts for ts in minutes if ts + 120 <= now}
    return settled <= {row[0] for row in stored}
