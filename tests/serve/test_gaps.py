"""The guide's "Test 2: Gap Detection & Backfill", and what an operator can see and do about gaps."""

import asyncio
import re
from typing import Any

import pytest

from market_data.backfill.work import MOST_CLAIMS
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.simulate import Fault, Switched
from market_data.store import ledger, universe, vacancies
from stored import window

from .conftest import AAPL, ONLY_THREE, Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio

OPEN = at("2025-10-08T13:30:00Z")
NOW = at("2025-10-08T15:00:30Z")
WINDOW = Span(OPEN, at("2025-10-08T14:58:00Z"))
"""All minutes that are settled."""
QUESTION = {
    "symbol": "AAPL",
    "interval": "1m",
    "start": "2025-10-08T14:00:00Z",
    "end": "2025-10-08T14:10:00Z",
    "priority": "T0",
}
DELETE = """
DELETE FROM candles_intraday
WHERE symbol = 'AAPL'
  AND interval = '1m'
  AND ts BETWEEN '2025-10-08 14:00:00' AND '2025-10-08 14:10:00';
"""


@pytest.fixture
async def full(serving: Serving) -> Served:
    """A service whose AAPL has every minute of the running session."""
    served = await serving(Clock(NOW), BACKFILL_DISPATCH_RATE_PER_SEC="100", PROVIDERS_DISABLED=ONLY_THREE)
    await universe.put(served.parts.database, [AAPL])
    await healed(served, {**QUESTION, "start": "2025-10-08T13:30:00Z", "end": "2025-10-08T14:57:00Z"})
    assert len(await stored(served)) == 88
    return served


async def healed(served: Served, question: dict[str, Any]) -> Any:
    """Ask for a backfill and wait until nothing is left of it; returns the answer."""
    got = await served.ask("POST", "/ops/backfill", json=question)
    assert got.status == 202, got.text
    for pause in pauses():
        if not any(one.queued + one.running for one in (await ledger.depths(served.parts.database)).values()):
            return got.json
        await asyncio.sleep(pause)
    pytest.fail("backfills were left undone")


async def stored(served: Served) -> dict[int, tuple[float, float, float, float, float | None]]:
    found = await window(served.parts.database, "AAPL", Interval.M1, WINDOW, limit=1000, as_of=None)
    return {epoch(bar.ts): (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found}


async def waiting_after_scan(served: Served) -> list[Span]:
    """The backfills of the running session that wait once a scan has looked."""
    await served.parts.finder.scan()
    found = await ledger.unfinished(served.parts.database, ["AAPL"], Interval.M1)
    return [one.span for one in found.get("AAPL", []) if one.status == "queued" and one.span.overlap(WINDOW)]


async def metric(served: Served, line: str) -> float:
    text = (await served.get("/metrics")).text
    found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_deleted_rows_are_found_and_restored_value_for_value(full: Served) -> None:
    before, found = await stored(full), await metric(full, 'gaps_found_total{interval="1m"}')
    assert await full.parts.database.run(DELETE) == "DELETE 11"
    answer = await healed(full, QUESTION)
    assert [(one["start_ts"], one["end_ts"], one["tier"]) for one in answer["jobs"]] == [
        ("2025-10-08T14:00:00Z", "2025-10-08T14:11:00Z", "T0")
    ]
    assert await stored(full) == before
    assert await metric(full, 'gaps_found_total{interval="1m"}') == found + 1
    assert await metric(full, 'backfill_queue_depth{tier="T0"}') == 0
    assert await metric(full, 'backfill_jobs_completed_total{status="done",tier="T0"}') >= 2


async def test_deleted_rows_are_found_by_the_next_scan_too(full: Served) -> None:
    before = await stored(full)
    await full.parts.database.run(DELETE)
    assert await full.parts.finder.scan() >= 1
    await healed(full, QUESTION)
    assert await stored(full) == before


async def test_asked_twice_the_work_is_made_once(full: Served) -> None:
    await full.parts.database.run(DELETE)
    full.simulator.simulator.switchboard.switch_on(Switched("*", Fault.HANG))
    first = await full.ask("POST", "/ops/backfill", json=QUESTION)
    second = await full.ask("POST", "/ops/backfill", json=QUESTION)
    assert (first.json["made"], second.json["made"]) == (1, 0)
    assert [one["id"] for one in first.json["jobs"]] == [one["id"] for one in second.json["jobs"]]
    full.simulator.simulator.switchboard.switch_off()


async def test_a_full_window_makes_nothing(full: Served) -> None:
    assert (await full.ask("POST", "/ops/backfill", json=QUESTION)).json == {
        "jobs": [],
        "made": 0,
        "note": "nothing is missing in this window: it is filled; with `force` it is asked for again",
    }


async def test_a_window_outside_the_session_says_why_nothing_is_asked_for(full: Served) -> None:
    early = {**QUESTION, "start": "2025-10-08T09:00:00Z", "end": "2025-10-08T09:10:00Z"}
    assert "GAP_EXTENDED_HOURS=true" in (await full.ask("POST", "/ops/backfill", json=early)).json["note"]


async def test_forced_a_filled_window_is_asked_for_again_and_keeps_its_revisions(full: Served) -> None:
    before = await stored(full)
    full.simulator.simulator.switchboard.switch_on(Switched("*", Fault.REVISED_BARS))
    assert (await healed(full, QUESTION))["made"] == 0
    assert await stored(full) == before
    full.clock.now += 60
    answer = await healed(full, {**QUESTION, "force": True})
    assert [(one["reason"], one["forced"]) for one in answer["jobs"]] == [("operator", True)]
    after = await stored(full)
    assert {ts for ts in after if after[ts] != before[ts]} == set(range(OPEN + 1800, OPEN + 2460, 60))
    rows = await full.parts.database.fetch("SELECT close, revision FROM candle_revisions ORDER BY ts")
    assert [row["close"] for row in rows] == [before[ts][3] for ts in range(OPEN + 1800, OPEN + 2460, 60)]


@pytest.mark.parametrize(
    ("differs", "status", "says"),
    [
        ({"end": "2025-10-08T13:59:00Z"}, 422, "start must be before end"),
        ({"symbol": "NOPE"}, 404, "NOPE is not in the universe"),
        ({"start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z"}, 422, "in the future"),
        ({"start": "2025-10-08 14:00"}, 422, "is not a time with its zone"),
        ({"interval": "5m"}, 422, ""),
        ({"priority": "T9"}, 422, ""),
        ({"colour": "blue"}, 422, ""),
    ],
)
async def test_what_cannot_be_filled_is_refused(
    full: Served, differs: dict[str, str], status: int, says: str
) -> None:
    got = await full.ask("POST", "/ops/backfill", json={**QUESTION, **differs})
    assert got.status == status
    assert says in got.problem["detail"]


async def test_minutes_that_nobody_has_become_vacant_and_are_not_asked_for_again(full: Served) -> None:
    before = await stored(full)
    await full.parts.database.run(DELETE)
    full.simulator.simulator.switchboard.switch_on(Switched("*", Fault.NO_DATA))
    await healed(full, QUESTION)
    found = await vacancies.load(full.parts.database, "AAPL", Interval.M1, WINDOW)
    assert [one.span for one in found] == [Span(OPEN + 1800, OPEN + 1800 + 660)]
    assert (found[0].providers, found[0].confirmed, found[0].newer) == (("finnhub",), False, True)
    assert await waiting_after_scan(full) == []
    full.simulator.simulator.switchboard.switch_off()
    opened, high, low, close, volume = before[OPEN + 1800]
    assert volume is not None
    await full.write([(OPEN + 1800, opened, high, low, close, volume)])
    runs = (await full.get("/stats/coverage/AAPL", start=QUESTION["start"], end="2025-10-08T14:11:00Z")).json
    assert [one["state"] for one in runs["runs"]] == ["filled", "vacant"], "a late bar counts first"


async def test_coverage_says_why_and_adds_up(full: Served) -> None:
    await full.parts.database.run(DELETE)
    got = (
        await full.get("/stats/coverage/AAPL", start="2025-10-08T00:00:00Z", end="2025-10-08T15:01:00Z")
    ).json
    assert got["seconds"] == {"closed": 13.5 * 3600, "filled": 78 * 60, "queued": 11 * 60, "pending": 120}
    assert sum(got["seconds"].values()) == 15 * 3600 + 60
    assert got["days"] == [{"day": "2025-10-08", "condition": "degraded"}]
    assert [one["why"] for one in got["runs"] if one["state"] == "queued"] == ["the scans queue it"]


async def test_a_backfill_that_nobody_can_do_is_a_dead_letter_with_its_record(full: Served) -> None:
    await full.parts.database.run(DELETE)
    full.simulator.simulator.switchboard.switch_on(Switched("*", Fault.HTTP_500))
    await full.ask("POST", "/ops/backfill", json=QUESTION)
    for pause in pauses():
        await full.parts.database.run(
            "UPDATE backfill_jobs SET next_attempt_at = now() WHERE status = 'queued'"
        )
        dead = (await full.get("/ops/dlq/backfills")).json["backfills"]
        if dead:
            break
        await asyncio.sleep(pause)
    letter = (await full.get(f"/ops/dlq/backfills/{dead[0]['id']}")).json
    assert (letter["attempts"], letter["status"]) == (5, "dead")
    assert "yahoo" in letter["last_error"]
    assert {one["attempt"] for one in letter["answers"]} == {1, 2, 3, 4, 5}
    assert (await full.get("/ops/dlq/stats")).json["tiers"]["T0"] == 1
    assert await waiting_after_scan(full) == [], "what is dead has its reason"
    got = await full.get("/stats/coverage/AAPL", start=QUESTION["start"], end=QUESTION["end"])
    assert got.json["runs"][0]["state"] == "failed"
    assert "yahoo" in got.json["runs"][0]["why"]

    full.simulator.simulator.switchboard.switch_off()
    assert (await full.ask("POST", f"/ops/dlq/backfills/requeue/{letter['id']}")).json == {
        "ids": [letter["id"]]
    }
    await healed(full, QUESTION)
    assert len(await stored(full)) == 88
    assert (await full.ask("DELETE", f"/ops/dlq/backfills/{letter['id']}")).status == 404


async def test_a_backfill_whose_workers_all_died_is_a_dead_letter_too(full: Served) -> None:
    await full.parts.database.run(
        "INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, status, attempts, lease_until) "
        "VALUES ('AAPL', '1m', $1, $2, 'T0', 'running', $3, now() - interval '1 second')",
        moment(OPEN + 1800),
        moment(OPEN + 1860),
        MOST_CLAIMS,
    )
    for pause in pauses():
        dead = (await full.get("/ops/dlq/backfills")).json["backfills"]
        if dead:
            break
        await asyncio.sleep(pause)
    assert "workers died" in dead[0]["last_error"]


async def test_the_cursor_of_a_series_is_shown(full: Served) -> None:
    got = await full.get("/ops/cursor/AAPL/1m/finnhub")
    assert got.json["through"] == "2025-10-08T14:59:00Z", "bars after those that were missing came along"
    assert (await full.get("/ops/cursor/AAPL/1m/nobody")).status == 404


async def test_the_violation_rate_tells_a_hole_and_a_closed_market(full: Served) -> None:
    line = 'slo_gap_violation_rate{interval="1m",tier="T0"}'
    full.clock.now = at("2025-10-08T14:58:30Z")
    assert await metric(full, line) == 0
    await full.parts.database.run(DELETE)
    assert await metric(full, line) == 1
    full.clock.now = at("2025-10-12T15:00:00Z")
    assert await metric(full, line) == 0, "on a Sunday nobody is late"
