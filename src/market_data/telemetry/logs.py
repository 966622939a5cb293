"""One canonical log line a unit of work, made of events."""

import logging
from dataclasses import fields as fields_of

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
from market_data.redact import of_url
from market_data.settings import Configuration
from market_data.telemetry import lines

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
    UniverseEmpty: (logging.WARNING, "Data collector has nothing to collect"),
    Skipped: (logging.WARNING, "Data collector skipped an instrument"),
    Published: (logging.DEBUG, "Bars published"),
    MessagesDropped: (logging.WARNING, "A slow client lost messages"),
    GapsFound: (logging.DEBUG, "Gaps found"),
    Expired: (logging.INFO, "Old rows were deleted"),
    RetentionSet: (logging.INFO, "A retention policy was set"),
    Rebased: (logging.INFO, "A provider has re-based its history"),
    BackfillsQueued: (logging.INFO, "Backfills queued"),
    BackfillEnded: (logging.DEBUG, "Backfill ended"),
    AggregatesBuilt: (logging.DEBUG, "Aggregates built"),
    SchemaNoticed: (logging.WARNING, "The schema of the database"),
    ClockCompared: (logging.WARNING, "The clock was compared with the providers' clocks"),
    CalendarChanged: (logging.INFO, "The calendar of an exchange changed"),
    LoopFailed: (logging.ERROR, "A loop failed and starts again"),
    LoopStalled: (logging.WARNING, "The event loop was held up"),
}


def set_up(configuration: Configuration) -> None:
    """Log as the settings say, and hide the secrets of this configuration and of those before it."""
    lines.set_up(configuration.settings.log_level, configuration.settings.log_format)
    hide(configuration)


def hide(configuration: Configuration) -> None:
    """Replace keys, tokens and the passwords in URLs in every line from now on."""
    settings = configuration.settings
    urls = (url.get_secret_value() for url in (settings.database_url, settings.rlc_redis_url) if url)
    token = {settings.ops_api_token.get_secret_value()} if settings.ops_api_token else set[str]()
    values = {name: value.get_secret_value() for name, value in configuration.of_providers.items()}
    keys = {value for name, value in values.items() if name.endswith(("_API_KEY", "_SECRET"))}
    lines.hide((token | keys).union(*map(of_url, [*urls, *values.values()])))


def tell(event: Event) -> None:
    """Write the line of an event. A fault of a provider is worth a warning, its success a debug line."""
    level, text = _LINES[type(event)]
    if isinstance(event, ProviderAsked) and event.code != "ok":
        level, text = logging.WARNING, "Provider failed"
    if isinstance(event, JobFinished) and event.outcome not in {"done", "expired"}:
        level = logging.ERROR if event.outcome == "failed" else logging.WARNING
    if isinstance(event, BackfillEnded) and event.status != "done":
        level = logging.ERROR if event.status == "dead" else logging.WARNING
    if not lines.enabled(level):  # most are: at a bar's pace, making a logger and the fields would cost
        return
    values = ((field.name, getattr(event, field.name)) for field in fields_of(event))
    fields = {name: value for name, value in values if value not in ("", None)}
    if "error" in fields:
        fields["exc_info"] = fields.pop("error")
    if isinstance(event, Published):  # one number a bar
        fields["ages"] = len(event.ages)
    if "milliseconds" in fields:
        fields["milliseconds"] = round(fields["milliseconds"], 1)
    if "cpu" in fields:
        fields["cpu"] = round(fields["cpu"], 1)
    structlog.get_logger().log(level, text, **fields)
