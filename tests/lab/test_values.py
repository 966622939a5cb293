"""Values arrive as they were sent: prices of very cheap instruments, and bars at the borders of pages."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, crypto, equity
from .rows import at, sessions

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
CHEAP = [
    (at(f"{DAY} 13:00") + 60 * n, 1.23456e-5 + n * 1e-9, 1.23556e-5 + n * 1e-9, 1.23356e-5 + n * 1e-9,
     1.23456e-5 + n * 1e-9, 123_456_789.0)
    for n in range(120)
]  # fmt: skip


@pytest.mark.parametrize("provider", ["yahoo", "binance", "coinbase", "alpaca"])
async def test_a_very_cheap_coin_keeps_its_digits(lab: Lab, provider: str) -> None:
    market = await lab(f"{DAY} 14:30", only=(provider,), **MINUTES_ONLY)
    market.trades("SHIB-USD", CHEAP)
    await market.follows(crypto("SHIB-USD"))
    await market.turn()
    rows = await market.stored("SHIB-USD", f"{DAY} 13:00", f"{DAY} 14:25")
    right = {row[0]: row[4] for row in CHEAP}
    assert len(rows) == 85
    assert {label: row["close"] for label, row in rows.items()} == {
        label: pytest.approx(right[label], rel=1e-7 if provider == "yahoo" else 1e-3) for label in rows
    }
    price = (await market.get("/stocks/SHIB-USD/price")).body["price"]
    assert price == pytest.approx(1.245e-5, rel=0.02)


@pytest.mark.parametrize(
    "question",
    [
        {"interval": "3m"},
        {"interval": "1m", "session": "regular"},
        {"interval": "13m", "session": "extended"},
        {"interval": "1m", "as_of": "2024-07-03T18:00:30Z"},
    ],
)
async def test_every_bar_is_on_one_page_whatever_its_size(lab: Lab, question: dict[str, str]) -> None:
    market = await lab("2024-07-03 18:00", only=("alpaca",), **MINUTES_ONLY)
    rows = [
        row for row in sessions(["2024-07-02", "2024-07-03"], step=0.01) if row[0] < at("2024-07-03 17:00")
    ]
    market.trades("PAGE", rows)
    await market.follows(equity("PAGE"))
    await market.turn()
    window = {"start": "2024-07-03T13:30:00Z", "end": "2024-07-03T15:00:00Z", **question}
    whole = (await market.get("/stocks/PAGE/intraday", limit=10_000, **window)).body["bars"]
    labels = [bar["ts"] for bar in whole]
    assert labels == sorted(set(labels)) != []
    for size in (7, len(whole) - 1, len(whole), len(whole) + 1):
        got, cursor = [], None
        while True:
            more: dict[str, object] = {"cursor": cursor} if cursor else {}
            page = (await market.get("/stocks/PAGE/intraday", limit=size, **window, **more)).body
            got += [bar["ts"] for bar in page["bars"]]
            cursor = page["next"]
            if not cursor:
                break
        assert got == labels, size
