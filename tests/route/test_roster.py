"""Who could be asked, for what there is of it, and when a bar is final anywhere."""

from collections.abc import Mapping

import pytest

from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Account, Facts, Limit, Provider, Query, Reach, Request
from market_data.route.delays import Learned
from market_data.route.roster import Roster
from market_data.settings import InForce, read

NOW = 1_790_947_961.0
"""2 October 2026, 13:32:41 UTC."""
DAY = 86_400
EQUITY = frozenset({AssetType.EQUITY})
MINUTES = Capability.BARS_1M


def roster(reaches: Mapping[str, Reach], **environment: str) -> Roster:
    """Providers that have minutes, one for each reach."""
    providers = {}
    for name, reach in reaches.items():
        facts = Facts(
            name, name, name.upper(), "https://localhost", False, (Limit(1, 1),), {MINUTES: reach}, ""
        )
        providers[name] = Provider(
            facts, lambda query, account: Request(""), lambda query, response: Bars.none()
        )
    accounts = {name: Account("", (Limit(1, 1),)) for name in providers}
    return Roster(providers, accounts, InForce(read(environment, dotenv=None)), lambda: NOW)


def asked(start: int, end: int) -> Query:
    return Query(MINUTES, "AAPL", AssetType.EQUITY, Span(int(NOW) + start, int(NOW) + end), NOW)


QUICK, LATE = Reach("x", EQUITY, delay=60), Reach("x", EQUITY, delay=DAY, today_in="America/New_York")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"POLICY_BARS_1M": "late,quick"}, 60),
        ({"POLICY_BARS_1M": "late"}, DAY),
        ({"POLICY_BARS_1M": "late,quick", "PROVIDERS_DISABLED": "quick"}, DAY),
        ({"POLICY_BARS_1M": "nobody"}, 60),
        ({"POLICY_BARS_1M": "nobody", "PROVIDERS_DISABLED": "quick,late"}, 0),
    ],
)
def test_a_bar_is_final_once_the_quickest_says_so(environment: dict[str, str], seconds: int) -> None:
    both = roster({"quick": QUICK, "late": LATE}, **environment)
    assert both.settled_after(MINUTES) == seconds


def test_who_tells_nothing_of_today_is_able_only_where_nobody_does() -> None:
    policy = {"POLICY_BARS_1M": "late,quick"}
    assert roster({"quick": QUICK, "late": LATE}, **policy).able(MINUTES) == ["quick"]
    assert roster({"late": LATE}, **policy).able(MINUTES) == ["late"]


def test_who_tells_of_regular_hours_alone_could_not_say_that_nothing_traded_early() -> None:
    both = roster({"all": Reach("x", EQUITY), "regular": Reach("x", EQUITY, early_and_late=False)})
    assert both.could(asked(-7200, -3600)) == ["all", "regular"]
    assert both.could(asked(-7200, -3600), extended=True) == ["all"]


def test_who_reaches_back_to_a_part_could_not_say_that_nothing_traded() -> None:
    both = roster({"all": Reach("x", EQUITY), "shallow": Reach("x", EQUITY, depth=3600)})
    assert both.could(asked(-7200, -600)) == ["all"]
    assert both.ranking(asked(-7200, -600)).order == ("all", "shallow")
    assert both.ranking(asked(-7200, -3600)).order == ("all",)


def test_providers_of_one_venue_are_one_in_stocks_and_two_in_crypto() -> None:
    iex = Reach("x", frozenset(AssetType), stock_venue="IEX")
    three = roster({"alpaca": iex, "tiingo": iex, "yahoo": QUICK})
    assert three.of_venue("alpaca", asked(-600, 0)) == ["alpaca", "tiingo"]
    assert three.of_venue("yahoo", asked(-600, 0)) == ["yahoo"]
    coin = Query(MINUTES, "BTC-USD", AssetType.CRYPTO, Span(int(NOW) - 600, int(NOW)), NOW)
    assert three.of_venue("alpaca", coin) == ["alpaca"]


def test_the_learned_delay_of_a_calendar_counts_where_it_is_longer() -> None:
    both = roster({"quick": QUICK, "late": LATE}, POLICY_BARS_1M="quick")
    both.delays.adopt({("quick", "XLON", Interval.M1): Learned(900.0, 0)})
    assert both.settled_after(MINUTES, "XLON") == 900
    assert both.settled_after(MINUTES, "XNYS") == 60


def test_how_far_back_anybody_reaches() -> None:
    month = Reach("x", EQUITY, depth=29 * DAY)
    assert roster({"yahoo": month}).reaches_back(asked(-600, 0)) == NOW - 29 * DAY
    assert roster({"yahoo": month, "all": QUICK}).reaches_back(asked(-600, 0)) == 0
    assert roster({"yahoo": month}, PROVIDERS_DISABLED="yahoo").reaches_back(asked(-600, 0)) is None
