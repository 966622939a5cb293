"""Quarantined bars over HTTP: excluded, included, listed, accepted and rejected; never built into others."""

from typing import Any

import pytest

from .conftest import Served, minutes

pytestmark = pytest.mark.anyio

INTRADAY = "/stocks/AAPL/intraday"
OPEN = "2024-07-03T13:30:00Z"
LIST = "/ops/quality/quarantined"
BECAUSE = {"by": "jane", "reason": "it is on the tape"}


@pytest.fixture
async def doubted(served: Served) -> Served:
    """With twenty minutes at 100, of which one is a spike that nobody confirms."""
    rows = [(ts, 100.0, 100.5, 99.5, 100.0, 10.0) for ts, *_ in minutes(OPEN, 20)]
    rows[10] = (rows[10][0], 1000.0, 1000.5, 999.5, 1000.0, 10.0)
    await served.write(rows)
    return served


def _marked(body: Any) -> list[tuple[str, float]]:
    return [(bar["ts"], bar["close"]) for bar in body["bars"] if bar["status"] == "quarantined"]


async def test_doubted_bars_are_returned_only_on_request(doubted: Served) -> None:
    for params in ({}, {"quarantined": "exclude"}):
        got = await doubted.get(INTRADAY, start=OPEN, **params)
        assert len(got.json["bars"]) == 19
        assert _marked(got.json) == []
    got = await doubted.get(INTRADAY, start=OPEN, quarantined="include")
    assert len(got.json["bars"]) == 20
    assert _marked(got.json) == [("2024-07-03T13:40:00Z", 1000.0)]
    assert [bar["ts"] for bar in got.json["bars"]] == sorted(bar["ts"] for bar in got.json["bars"])


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_they_are_returned_in_every_format(doubted: Served, form: str) -> None:
    got = await doubted.get(INTRADAY, start=OPEN, quarantined="include", format=form)
    assert got.text.count("quarantined") == 1


async def test_pages_lead_through_them(doubted: Served) -> None:
    params: dict[str, object] = {"start": OPEN, "quarantined": "include", "limit": 7}
    found: list[Any] = []
    cursor: dict[str, object] = {}
    while True:
        got = await doubted.get(INTRADAY, **params, **cursor)
        found += got.json["bars"]
        if got.json["next"] is None:
            break
        cursor = {"cursor": got.json["next"]}
    assert len(found) == len({bar["ts"] for bar in found}) == 20
    other = await doubted.get(INTRADAY, start=OPEN, limit=7, **cursor)
    assert other.status == 422, "a cursor continues the same question"


async def test_none_is_built_from_them(doubted: Served) -> None:
    got = await doubted.get(INTRADAY, start=OPEN, interval="5m")
    assert {bar["high"] for bar in got.json["bars"]} == {100.5}
    got = await doubted.get(INTRADAY, start=OPEN, interval="5m", quarantined="include")
    assert got.status == 422
    assert "ask for interval 1m" in got.problem["detail"]
    got = await doubted.get(INTRADAY, start=OPEN, quarantined="yes")
    assert "exclude, include" in got.problem["detail"]


async def test_a_batch_has_them_on_request(doubted: Served) -> None:
    for include, count in (("exclude", 0), ("include", 1)):
        body = {"symbols": ["AAPL"], "bars": 12, "quarantined": include}
        got = await doubted.ask("POST", "/stocks/batch", json=body)
        assert [bar["status"] for bar in got.json["bars"]["AAPL"]].count("quarantined") == count


async def test_an_operator_lists_and_accepts(doubted: Served) -> None:
    got = await doubted.get(LIST, symbol="aapl")
    (one,) = got.json["bars"]
    assert (one["close"], one["reason"], one["contradicted"]) == (1000.0, "jump", False)
    assert one["evidence"] == (
        "close 1000 after 100: no second provider, and the bars after it do not stay there"
    )
    assert got.json["open"]["jump"] == 1
    got = await doubted.ask("POST", f"{LIST}/{one['id']}/accept", json=BECAUSE)
    assert got.json == {"bar": "AAPL 1m 2024-07-03T13:40:00Z of yahoo", "decision": "accepted"}
    got = await doubted.get(INTRADAY, start="2024-07-03T13:40:00Z", limit=1)
    assert (got.json["bars"][0]["close"], got.json["bars"][0]["status"]) == (1000.0, "final")
    assert (await doubted.get(LIST)).json["bars"] == []
    (kept,) = (await doubted.get(LIST, decided="true")).json["bars"]
    assert (kept["decision"], kept["decided_by"], kept["decided_why"]) == ("accepted", *BECAUSE.values())


async def test_an_operator_rejects(doubted: Served) -> None:
    (one,) = (await doubted.get(LIST)).json["bars"]
    got = await doubted.ask("POST", f"{LIST}/{one['id']}/reject", json=BECAUSE)
    assert got.json["decision"] == "rejected"
    got = await doubted.get(INTRADAY, start=OPEN, quarantined="include")
    assert len(got.json["bars"]) == 19
    got = await doubted.ask("POST", f"{LIST}/{one['id']}/reject", json=BECAUSE)
    assert got.status == 404
    got = await doubted.ask("POST", f"{LIST}/{one['id']}/reject", json={"by": "jane"})
    assert got.status in {400, 422}


async def test_what_it_holds_is_a_metric(doubted: Served) -> None:
    text = (await doubted.get("/metrics")).text
    assert 'quarantined_bars{reason="jump"} 1.0' in text
