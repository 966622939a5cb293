"""Log lines: one a unit of work, at the level that the event deserves, and parseable whatever it says."""

import io
import json
import logging
from contextlib import redirect_stderr
from datetime import datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.events import (
    AggregatesBuilt,
    BackfillEnded,
    BackfillsQueued,
    BarsDoubted,
    BarsWritten,
    CalendarChanged,
    ClockCompared,
    Coordinated,
    Event,
    Expired,
    GapsFound,
    JobDropped,
    JobFinished,
    LoopFailed,
    LoopStalled,
    MessagesDropped,
    ProviderAsked,
    Published,
    Rebased,
    RedisOut,
    RetentionSet,
    SchemaNoticed,
    Skipped,
    Swept,
    UniverseEmpty,
    Unpublished,
)
from market_data.telemetry import lines, logs

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def asked(code: str, detail: str = "") -> ProviderAsked:
    return ProviderAsked("yahoo", "chart", "bars_1m", code, 12.345, detail)


def finished(outcome: str) -> JobFinished:
    return JobFinished("bars_1m", "AAPL", "yahoo", outcome, 12.345)


LINES: list[tuple[Event, str, str]] = [
    (asked("ok"), "debug", "Provider asked"),
    (asked("throttled"), "warning", "Provider failed"),
    (asked("unavailable"), "warning", "Provider failed"),
    (BarsWritten("AAPL", "1m", "yahoo", 5, 2, 1, 3.0), "debug", "Bars written"),
    (BarsDoubted("AAPL", "1m", "yahoo", "jump", "denied", 2), "info", "Bars were doubted"),
    (finished("done"), "debug", "Data collector job finished"),
    (finished("waiting"), "warning", "Data collector job finished"),
    (finished("expired"), "debug", "Data collector job finished"),
    (finished("failed"), "error", "Data collector job finished"),
    (
        JobDropped("{market:fetch}:T0 1-0", "truncated"),
        "error",
        "A job became a dead letter",
    ),
    (SchemaNoticed("it is newer"), "warning", "The schema of the database"),
    (Swept(10, 5, 3.0), "info", "Data collector swept"),
    (Coordinated(3, 2, 1), "info", "Coordinator sent jobs"),
    (
        Unpublished("AAPL", "1m", 2, "Redis cannot be reached"),
        "warning",
        "Bars were written that could not be published yet",
    ),
    (RedisOut(True, 3), "warning", "Redis went out, or came back"),
    (UniverseEmpty("add AAPL"), "warning", "Data collector has nothing to collect"),
    (Skipped("ODD", "no calendar"), "warning", "Data collector skipped an instrument"),
    (Published(2, (0.5, 1.5)), "debug", "Bars published"),
    (GapsFound("1m", 3), "debug", "Gaps found"),
    (Expired("quotes_l1", 20_000), "info", "Old rows were deleted"),
    (RetentionSet("quotes_l1", 30), "info", "A retention policy was set"),
    (Rebased("AAPL", "yahoo", 0.25, 500), "info", "A provider has re-based its history"),
    (BackfillsQueued("T0", 2), "info", "Backfills queued"),
    (BackfillEnded(7, "T0", "AAPL", "done", 1, 0, 12.0), "debug", "Backfill ended"),
    (BackfillEnded(7, "T0", "AAPL", "queued", 1, 0, 12.0, "no"), "warning", "Backfill ended"),
    (BackfillEnded(7, "T0", "AAPL", "dead", 5, 0, 12.0, "no"), "error", "Backfill ended"),
    (
        CalendarChanged("XNYS", "2025-01-09", "closed", "mourning"),
        "info",
        "The calendar of an exchange changed",
    ),
    (AggregatesBuilt(0, 12.0), "debug", "Aggregates built"),
    (ClockCompared(30.1, 0, "30 s"), "warning", "The clock was compared with the providers' clocks"),
    (MessagesDropped(7), "warning", "A slow client lost messages"),
    (LoopStalled(3, 41.5, 39.0, "bars.intraday:10"), "warning", "The event loop was held up"),
    (LoopFailed("push", "Redis cannot be reached"), "error", "A loop failed and starts again"),
]


def told(event: Event, level: str = "DEBUG", form: str = "json") -> str:
    """What is written for an event."""
    with redirect_stderr(io.StringIO()) as written:
        lines.set_up(level, form)
        logs.tell(event)
    return written.getvalue()


def test_every_event_has_a_line_here() -> None:
    assert {type(event) for event, _, _ in LINES} == set(get_args(Event))


@pytest.mark.parametrize(("event", "level", "text"), LINES, ids=repr)
def test_an_event_is_one_line_of_json_at_its_level(event: Event, level: str, text: str) -> None:
    written = told(event)
    assert written.endswith("\n")
    (line,) = written.splitlines()
    found = json.loads(line)
    assert (found["level"], found["event"]) == (level, text)
    assert datetime.fromisoformat(found["timestamp"]).utcoffset() is not None


@pytest.mark.parametrize("least", LEVELS)
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_line_is_below_the_level_and_none_above_is_missing(least: str, form: str) -> None:
    wanted = logging.getLevelNamesMapping()
    for event, level, _ in LINES:
        assert bool(told(event, least, form)) == (wanted[level.upper()] >= wanted[least]), event


def test_a_line_says_what_the_event_says() -> None:
    found: dict[str, Any] = json.loads(told(asked("throttled", "slow down")))
    assert {name: value for name, value in found.items() if name not in {"timestamp", "level", "event"}} == {
        "provider": "yahoo",
        "endpoint": "chart",
        "capability": "bars_1m",
        "code": "throttled",
        "milliseconds": 12.3,
        "detail": "slow down",
    }


def test_a_line_has_no_field_that_says_nothing() -> None:
    assert "detail" not in json.loads(told(asked("ok")))
    assert json.loads(told(BarsWritten("AAPL", "1m", "yahoo", 0, 0, 0, 0.0)))["rejected"] == 0


@given(st.text(max_size=50))
def test_whatever_a_provider_says_makes_one_line(detail: str) -> None:
    written = told(LoopFailed("fetch", "x" + detail))
    assert written.count("\n") == 1
    assert json.loads(written)["detail"] == "x" + detail


@pytest.mark.parametrize("detail", ['two\nlines "quoted"', "tab\tand\rreturn"])
def test_a_line_of_text_is_one_line_with_level_and_event(detail: str) -> None:
    written = told(LoopFailed("fetch", detail), form="text")
    (line,) = written.splitlines()
    assert "error" in line
    assert "A loop failed and starts again" in line
    assert "loop=fetch" in line
    assert "\x1b" not in line  # no colours where nobody looks


@pytest.mark.parametrize(
    "event",
    [
        LoopFailed("push", "ValueError: boom", "ValueError", ValueError("boom")),
        JobFinished("bars_1m", "AAPL", "none", "failed", 1.0, "ValueError: boom", ValueError("boom")),
        BackfillEnded(7, "T0", "AAPL", "queued", 1, 0, 1.0, "ValueError: boom", ValueError("boom")),
    ],
)
def test_a_bug_has_its_traceback(event: Event) -> None:
    found = json.loads(told(event))
    assert found["exception"]["message"] == "boom"
    assert "error" not in found
    assert "ValueError: boom" in told(event, form="text")
