"""A machine whose clock is wrong, or is set: nothing is final too early, nothing is lost, and it is said."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from market_data import timekeeping
from market_data.collect.sweep import Sweeper
from market_data.events import ClockCompared, Event
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.span import moment
from market_data.providers import discover
from market_data.simulate import Fault, Switched
from market_data.store import universe

from .conftest import Clock, Served, Serving, at

pytestmark = pytest.mark.anyio

BEGIN = at("2024-06-12T14:00:20Z")
COIN = Instrument("SKEW-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
FIRST = at("2024-06-12T13:30:00Z")
COUNT = 120
VOLUME = 6000.0


def close_of(ts: int) -> float:
    return 100.5 + (ts - FIRST) // 60


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, Path]:
    """Minutes of SKEW-USD; of the running one the simulator tells what has happened so far."""
    lines = ["ts,Open,High,Low,Close,Volume"]
    for ts in range(FIRST, FIRST + 60 * COUNT, 60):
        price = close_of(ts) - 0.5
        lines.append(
            f"{moment(ts):%Y-%m-%dT%H:%M:%SZ},{price},{price + 1},{price - 1},{price + 0.5},{VOLUME}"
        )
    path = tmp_path / "skew.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"SKEW-USD": path}


async def collected(served: Served) -> None:
    """One sweep by the service's own time, and all that it makes."""
    parts = served.parts
    sweeper = Sweeper(parts.database, parts.queue, parts.router.roster, parts.tell)
    _, jobs = await sweeper.due(parts.clock())
    for job in jobs:
        await parts.fetcher.do(job)


async def wrong_finals(served: Served) -> list[datetime]:
    rows = await served.parts.database.fetch(
        "SELECT ts, close, volume FROM candles_intraday WHERE status <> 'partial'"
    )
    told = {row["ts"]: (row["close"], row["volume"]) for row in rows}
    return [ts for ts, values in told.items() if values != (close_of(int(ts.timestamp())), VOLUME)]


async def stored(served: Served, since: int) -> set[int]:
    rows = await served.parts.database.fetch("SELECT ts FROM candles_intraday WHERE ts >= $1", moment(since))
    return {int(row["ts"].timestamp()) for row in rows}


async def started(
    serving: Serving, recorded: dict[str, Path], wrong: float, names: Iterable[str] = ("binance",)
) -> tuple[Served, Clock]:
    """A service whose clock is wrong by so much, with one provider or more; and the true clock."""
    true = Clock(BEGIN)
    served = await serving(
        Clock(BEGIN + wrong),
        recorded=recorded,
        providers_clock=true,
        PROVIDERS_DISABLED=",".join(sorted(set(discover()) - set(names))),
    )
    await universe.put(served.parts.database, [COIN])
    return served, true


@pytest.mark.parametrize("wrong", [30.0, 100.0, 18_000.0, -30.0, -100.0])
async def test_whatever_our_clock_says_nothing_that_still_runs_is_final_and_nothing_is_late(
    serving: Serving, recorded: dict[str, Path], wrong: float
) -> None:
    served, true = await started(serving, recorded, wrong)
    for seconds in range(0, 600, 30):
        true.now = BEGIN + seconds
        served.clock.now = BEGIN + wrong + seconds
        await collected(served)
        assert await wrong_finals(served) == []
    assert await served.parts.database.fetch("SELECT FROM rejected_bars") == []
    through = await served.parts.database.fetch_one(
        "SELECT through FROM ingestion_cursor WHERE interval = '1m'"
    )
    assert through is not None
    assert through["through"] == moment(at("2024-06-12T14:09:00Z"))
    assert await stored(served, BEGIN - 20) >= set(range(BEGIN - 20, BEGIN + 540, 60))
    health = await served.get("/health")
    assert (health.status, health.json["status"], health.json["clock"]["ok"]) == (200, "degraded", False)
    assert "set it right" in health.json["clock"]["detail"]["says"]
    assert health.json["clock"]["detail"]["ahead_seconds"] == pytest.approx(wrong, abs=1.0)
    line = next(
        line for line in (await served.get("/metrics")).text.splitlines() if line.startswith("clock_offset")
    )
    assert float(line.split()[1]) == pytest.approx(wrong, abs=1.0)


@pytest.mark.parametrize("before", [18_000.0, -3600.0])
async def test_a_clock_that_is_set_right_loses_nothing(
    serving: Serving, recorded: dict[str, Path], before: float
) -> None:
    served, true = await started(serving, recorded, before)
    for minute in range(40):
        true.now = BEGIN + 60 * minute
        served.clock.now = true.now + (before if minute < 10 else 0.5)
        await collected(served)
    assert await stored(served, BEGIN - 20) >= set(range(BEGIN - 20, BEGIN + 60 * 39, 60))
    assert await wrong_finals(served) == []
    assert (await served.get("/health")).json["clock"]["ok"]
    vacant = "SELECT FROM vacancies WHERE interval = '1m' AND end_ts > $1"
    assert await served.parts.database.fetch(vacant, moment(BEGIN)) == []


async def test_a_clock_that_is_set_wrong_loses_nothing(serving: Serving, recorded: dict[str, Path]) -> None:
    served, true = await started(serving, recorded, 0.0)
    for minute in range(40):
        true.now = BEGIN + 60 * minute
        served.clock.now = true.now + (-3600.0 if 10 <= minute < 20 else 0.0)
        await collected(served)
    assert await stored(served, BEGIN - 20) >= set(range(BEGIN - 20, BEGIN + 60 * 39, 60))
    assert await wrong_finals(served) == []


def watching(served: Served) -> tuple[Callable[..., Awaitable[bool]], list[Event]]:
    """Looks at our clock once, and the events of all looks."""
    heard = list[Event]()
    return partial(
        timekeeping.look, served.parts.database, served.parts.router.caller.vendor_time, heard.append
    ), heard


async def test_cursors_that_a_clock_left_in_the_future_are_repaired(
    serving: Serving, recorded: dict[str, Path]
) -> None:
    served, true = await started(serving, recorded, 0.0)
    look, heard = watching(served)
    await collected(served)
    ahead = moment(BEGIN) + timedelta(hours=5)
    await served.parts.database.run("UPDATE ingestion_cursor SET through = $1, asked_at = $1", ahead)
    true.now = served.clock.now = BEGIN + 120
    await collected(served)
    assert max(await stored(served, FIRST)) < BEGIN + 60, "nobody asks before the moment comes round"
    await look()
    assert [event.healed for event in heard if isinstance(event, ClockCompared)] == [2]
    await collected(served)
    assert await stored(served, FIRST) >= set(range(BEGIN - 20, BEGIN + 100, 60))


async def test_nothing_is_repaired_while_no_provider_has_sent_the_time(
    serving: Serving, recorded: dict[str, Path]
) -> None:
    served, _ = await started(serving, recorded, -86_400.0)
    look, heard = watching(served)
    await served.parts.database.run(
        "INSERT INTO ingestion_cursor VALUES ('SKEW-USD', '1m', 'binance', $1, NULL, $1)", moment(BEGIN)
    )
    await look()
    assert heard == []
    assert len(await served.parts.database.fetch("SELECT FROM ingestion_cursor")) == 1


async def test_a_wrong_clock_is_reported_once_and_again_when_it_is_right(
    serving: Serving, recorded: dict[str, Path]
) -> None:
    served, _ = await started(serving, recorded, 30.0)
    look, heard = watching(served)
    await collected(served)
    wrong = await look()
    wrong = await look(was_wrong=wrong)
    served.clock.now -= 30
    await served.parts.quoter.one("SKEW-USD", AssetType.CRYPTO)
    wrong = await look(was_wrong=wrong)
    details = [event.detail for event in heard if isinstance(event, ClockCompared)]
    assert [("ahead of" in detail, "within" in detail) for detail in details] == [
        (True, False),
        (False, True),
    ]


async def test_a_price_that_was_learned_by_a_clock_that_was_ahead_is_asked_for_again(
    serving: Serving, recorded: dict[str, Path]
) -> None:
    served, true = await started(serving, recorded, 0.0)
    first = (await served.get("/stocks/SKEW-USD/price")).json
    await served.parts.database.run("UPDATE quotes_l1 SET as_of = as_of + interval '5 hours'")
    true.now = served.clock.now = BEGIN + 90
    again = (await served.get("/stocks/SKEW-USD/price")).json
    assert again["price"] != first["price"]
    assert again["as_of"] < first["as_of"][:10] + "T14:05"


async def test_the_age_of_a_price_of_the_future_is_that_of_its_trade(
    serving: Serving, recorded: dict[str, Path]
) -> None:
    served, true = await started(serving, recorded, 0.0)
    assert (await served.get("/stocks/SKEW-USD/price")).status == 200
    await served.parts.database.run("UPDATE quotes_l1 SET as_of = as_of + interval '5 hours'")
    served.simulator.switchboard.switch_on(Switched("*", Fault.HTTP_500))
    true.now = served.clock.now = BEGIN + 90
    got = (await served.get("/stocks/SKEW-USD/price")).json
    assert got["stale"]
    assert 60 < got["age_seconds"] < 180
