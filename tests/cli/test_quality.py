"""market-data quality: list, accept, reject; bars --quarantined."""

import asyncio

import asyncpg
import pytest

from .conftest import Run

BAR = """
INSERT INTO quarantined_bars (symbol, interval, ts, provider, adjustment, volume_scope, open, high, low,
                              close, volume, reason, evidence, first_received, last_received)
VALUES ('AAPL', '1m', '2024-07-03 13:40Z', 'yahoo', 'raw', 'unknown', 1000, 1001, 999, 1000,
        10, 'jump', 'close 1000 after 100', '2024-07-03 13:41Z', '2024-07-03 13:41Z')
"""


@pytest.fixture
def doubted(run: Run, postgres_url: str) -> Run:
    """With one quarantined bar of AAPL, whose id is 1."""

    async def put() -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(BAR)
        finally:
            await connection.close()

    assert run("universe", "add", "AAPL").code == 0
    asyncio.run(put())
    return run


def test_it_is_listed_and_accepted(doubted: Run) -> None:
    (one,) = doubted("quality", "list", "--json").json
    assert (one["id"], one["symbol"], one["evidence"]) == (1, "AAPL", "close 1000 after 100")
    assert "close 1000 after 100" in doubted("quality", "list", "AAPL").out
    start = ("bars", "AAPL", "--start", "2024-07-03T13:30:00Z", "--json")
    assert doubted(*start).json == []
    (bar,) = doubted(*start, "--quarantined").json
    assert (bar["close"], bar["status"]) == (1000.0, "quarantined")
    done = doubted("quality", "accept", "1", "--reason", "it is on the tape", "--by", "jane")
    assert (done.code, done.err) == (0, "stored: AAPL 1m 2024-07-03T13:40:00Z of yahoo\n")
    (bar,) = doubted(*start).json
    assert (bar["close"], bar["status"]) == (1000.0, "final")
    assert doubted("quality", "list").err == "no quarantined bars\n"
    (one,) = doubted("quality", "list", "--decided", "--json").json
    assert (one["decision"], one["decided_by"]) == ("accepted", "jane")


def test_it_is_rejected_once(doubted: Run) -> None:
    assert doubted("quality", "reject", "1", "--reason", "a misprint").code == 0
    again = doubted("quality", "reject", "1", "--reason", "a misprint")
    assert again.code == 4
    assert "no open quarantined bar 1: `market-data quality list` shows them" in again.err
    empty = doubted("quality", "reject", "1", "--reason", " ")
    assert (empty.code, "--reason: it is empty" in empty.err) == (2, True)
