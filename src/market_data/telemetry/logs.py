"""One canonical log line a unit of work, made of events."""

import logging
import sys
from dataclasses import asdict

import structlog

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
    GapsFound,
    JobDropped,
    JobFinished,
    LoopFailed,
    MessagesDropped,
    ProviderAsked,
    Published,
    QuotesExpired,
    Rebased,
    RedisOut,
    SchemaNoticed,
    Skipped,
    Swept,
    Unpublished,
)

_LINES: dict[type[Event], tuple[int, str]] = {
    ProviderAsked: (logging.DEBUG, "Provider asked"),
    BarsWritten: (logging.DEBUG, "Bars written"),
    BarsDoubted: (logging.INFO, "Bars were doubted"),
    JobFinished: (logging.DEBUG, "Data collector job finished"),
    JobDropped: (logging.ERROR, "A job became a dead letter"),
    Swept: (logging.INFO, "Data collector swept"),
    Coordinated: (logging.INFO, "Coordinator sent jobs"),
    Unpublished: (logging.WARNING, "Bars were written that could not be published yet"),
    RedisOut: (logging.WARNING, "Redis went out, or came back"),
    Skipped: (logging.WARNING, "Data collector skipped an instrument"),
    Published: (logging.DEBUG, "Bars published"),
    MessagesDropped: (logging.WARNING, "A slow client lost messages"),
    GapsFound: (logging.DEBUG, "Gaps found"),
    QuotesExpired: (logging.INFO, "Old quotes were deleted"),
    Rebased: (logging.INFO, "A provider has re-based its history"),
    BackfillsQueued: (logging.INFO, "Backfills queued"),
    BackfillEnded: (logging.DEBUG, "Backfill ended"),
    AggregatesBuilt: (logging.DEBUG, "Aggregates built"),
    SchemaNoticed: (logging.WARNING, "The schema of the database"),
    ClockCompared: (logging.WARNING, "The clock was compared with the providers' clocks"),
    CalendarChanged: (logging.INFO, "The calendar of an exchange changed"),
    LoopFailed: (logging.ERROR, "A loop failed and starts again"),
}

_least = logging.NOTSET
"""Levels below it are not logged."""


def set_up(level: str, form: str) -> None:
    """Log to standard error from `level` on, as JSON lines or as text."""
    global _least  # noqa: PLW0603 - as structlog's configuration, which is one a process, too
    _least = logging.getLevelNamesMapping()[level]
    text = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer() if form == "json" else text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_least),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def tell(event: Event) -> None:
    """Write the line of an event. A fault of a provider is worth a warning, its success a debug line."""
    level, text = _LINES[type(event)]
    if isinstance(event, ProviderAsked) and event.code != "ok":
        level, text = logging.WARNING, "Provider failed"
    if isinstance(event, JobFinished) and event.outcome not in {"done", "expired"}:
        level = logging.ERROR if event.outcome == "failed" else logging.WARNING
    if isinstance(event, BackfillEnded) and event.status != "done":
        level = logging.ERROR if event.status == "dead" else logging.WARNING
    if level < _least:  # most are: at a bar's pace, making a logger and the fields would cost
        return
    fields = {name: value for name, value in asdict(event).items() if value != ""}
    if isinstance(event, Published):  # one number a bar
        fields["ages"] = len(event.ages)
    if "milliseconds" in fields:
        fields["milliseconds"] = round(fields["milliseconds"], 1)
    structlog.get_logger().log(level, text, **fields)


def say(text: str, **fields: object) -> None:
    """Write an informational line that no event stands for: starts, stops, addresses."""
    structlog.get_logger().info(text, **fields)
