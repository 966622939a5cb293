"""What a provider's faults amount to: health, a rest, a cordon, or nothing."""

import pytest

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unavailable, Unsupported
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query
from market_data.route.breaker import State, Thresholds
from market_data.route.standing import LAST_RESORT_SECONDS, REFUSED_SECONDS, Standing

NOW = 1_700_000_000.0
RULES = Thresholds(0.55, 0.70, 60.0, 3)


def query(capability: Capability = Capability.BARS_1M, symbol: str = "AAPL") -> Query:
    return Query(capability, symbol, AssetType.EQUITY, Span(int(NOW), int(NOW) + 60), NOW)


BARS, QUOTES = query(), query(Capability.QUOTES_L1)


def standing() -> Standing:
    return Standing(lambda: RULES)


@pytest.mark.parametrize("fault", [Unavailable("down"), Malformed("garbage"), ProviderFault("what")])
def test_three_failures_open_the_circuit_of_that_capability_alone(fault: ProviderFault) -> None:
    one = standing()
    one.note(QUOTES, None, 10.0, NOW)
    for _ in range(3):
        one.note(BARS, fault, 10.0, NOW)
    assert one.state_of(Capability.BARS_1M, NOW) is State.OPEN
    assert one.state_of(Capability.QUOTES_L1, NOW) is State.CLOSED
    assert one.state(NOW) is State.OPEN, "a provider is as healthy as its worst capability"
    assert one.score(NOW) == one.score_of(Capability.BARS_1M, NOW)
    assert one.history[-1] == (NOW, one.score(NOW).value)


@pytest.mark.parametrize("fault", [Throttled("slow down"), Refused("plan", whole=False), Unsupported("no")])
def test_what_says_nothing_of_health_costs_none(fault: ProviderFault) -> None:
    one = standing()
    for _ in range(10):
        one.note(BARS, fault, 10.0, NOW)
    assert one.score(NOW).value == pytest.approx(1.0)
    assert (one.state(NOW), len(one.history)) == (State.CLOSED, 0)


def test_a_throttled_provider_rests_as_long_as_it_asks_for() -> None:
    one = standing()
    one.note(BARS, Throttled("quota", retry_after=30.0), 1.0, NOW)
    one.note(BARS, Throttled("burst", retry_after=0.0), 1.0, NOW)
    cordon = one.cordon(QUOTES, NOW + 29)
    assert cordon is not None
    assert (cordon.until, "quota" in cordon.reason) == (NOW + 30, True)
    assert one.cordon(QUOTES, NOW + 30) is None


@pytest.mark.parametrize(
    "fault", [Throttled("quota", retry_after=3600.0), Refused("key", whole=True), Unsupported("no")]
)
def test_a_clock_that_is_set_back_keeps_nobody_out(fault: ProviderFault) -> None:
    one = standing()
    one.note(BARS, fault, 1.0, NOW)
    assert one.cordon(BARS, NOW + 1) is not None
    assert one.cordon(BARS, NOW - 3600) is None
    one.note(BARS, fault, 1.0, NOW - 3600)
    cordon = one.cordon(BARS, NOW - 3599)
    assert cordon is not None
    assert cordon.until <= NOW - 3600 + REFUSED_SECONDS


def test_who_throttles_again_after_each_rest_is_left_alone_for_longer_each_time() -> None:
    one, now, rests = standing(), NOW, list[float]()
    for _ in range(8):
        one.note(BARS, Throttled("burst", retry_after=1.0), 1.0, now)
        one.note(QUOTES, Throttled("the same burst", retry_after=1.0), 1.0, now)
        cordon = one.cordon(BARS, now)
        assert cordon is not None
        rests.append(cordon.until - now)
        now = cordon.until
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    one.note(BARS, None, 10.0, now)
    one.note(BARS, Throttled("burst", retry_after=1.0), 1.0, now)
    cordon = one.cordon(BARS, now)
    assert cordon is not None
    assert cordon.until == now + 1


def test_a_refused_capability_leaves_the_others() -> None:
    one = standing()
    one.note(BARS, Refused("your plan has no candles", whole=False), 1.0, NOW)
    assert one.cordon(QUOTES, NOW) is None
    cordon = one.cordon(BARS, NOW)
    assert cordon is not None
    assert (cordon.until, cordon.yields) == (NOW + REFUSED_SECONDS, NOW + LAST_RESORT_SECONDS)
    assert one.state(NOW) is State.CLOSED


def test_a_refused_key_opens_the_circuit_at_once_until_a_reload() -> None:
    one = standing()
    for _ in range(20):
        one.note(BARS, None, 10.0, NOW)
    before = one.score(NOW).value
    one.note(BARS, Refused("bad key", whole=True), 1.0, NOW)
    assert one.state(NOW) is State.OPEN
    assert one.score(NOW).value < RULES.demote < before
    assert one.cordon(QUOTES, NOW + 3600) is not None
    assert one.state(NOW + 3600) is State.OPEN, "the cooldown does not mend a key"
    one.readmit(NOW + 3600)
    assert one.cordon(BARS, NOW + 3600) is None
    assert one.state(NOW + 3600) is State.HALF_OPEN
    for _ in range(3):
        one.note(BARS, None, 10.0, NOW + 3600)
    assert one.state(NOW + 3600) is State.CLOSED
    assert one.score(NOW + 3600).value > RULES.promote


def test_a_series_that_a_provider_does_not_have_is_skipped_for_a_while() -> None:
    one = standing()
    one.note(BARS, Unsupported("unknown symbol"), 1.0, NOW)
    assert one.cordon(BARS, NOW + 3599) is not None
    assert one.cordon(BARS, NOW + 3600) is None
    assert one.cordon(query(symbol="MSFT"), NOW) is None
    assert one.cordon(QUOTES, NOW) is None


def test_an_answer_ends_a_refusal() -> None:
    one = standing()
    one.note(BARS, Refused("plan", whole=False), 1.0, NOW)
    one.note(BARS, None, 1.0, NOW + LAST_RESORT_SECONDS)
    assert one.cordon(BARS, NOW + LAST_RESORT_SECONDS) is None
