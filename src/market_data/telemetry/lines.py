"""Every line that leaves the process on standard error: in one format, whoever wrote it, and without secrets.

Our own lines are structlog's. Those of libraries come through the root of `logging`, Python's warnings too;
errors that nobody caught through the hooks that `catch` sets.
"""

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from market_data.redact import Fence
from market_data.telemetry import trace

LONGEST_TEXT = 4000
"""Characters of one text in a line: an answer of a provider may come along in a library's message."""
LIBRARIES_LEVEL = logging.WARNING
"""Libraries' lines below it are not logged, whatever LOG_LEVEL says: some repeat headers at DEBUG."""


class _State:
    """Format, minimum level and secrets: one per process, as there is one standard error."""

    level = logging.NOTSET
    as_json = False
    secrets: frozenset[str] = frozenset()
    fence = Fence()


def as_json() -> bool:
    """Whether lines are JSON objects."""
    return _State.as_json


def enabled(level: int) -> bool:
    """Whether our own lines of a level are logged."""
    return level >= _State.level


def hide(secrets: Iterable[str]) -> None:
    """Replace these in every line from now on, and those of the call before: a reload may change them."""
    before, _State.secrets = _State.secrets, frozenset(secrets)
    _State.fence = Fence(before | _State.secrets)


def set_up(level: str, form: str) -> None:
    """Write all lines to standard error from `level` on, as JSON objects or as text; libraries' too."""
    _State.level = logging.getLevelNamesMapping()[level]
    _State.as_json = form == "json"
    _set_up_ours()
    stamp, rendered = _stamp(), _rendered()
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, stamp],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    for former in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(max(_State.level, LIBRARIES_LEVEL))
    logging.captureWarnings(True)


def _set_up_ours() -> None:
    structlog.configure(
        processors=[structlog.processors.add_log_level, _stamp(), *_rendered()],
        wrapper_class=structlog.make_filtering_bound_logger(_State.level),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def _stamp() -> Processor:
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


def _rendered() -> list[Processor]:
    return [_shortened, _json if _State.as_json else _text(), _without_secrets]


def write(level: int, text: str, **fields: object) -> None:
    """Write a line of our own at any LOG_LEVEL: progress and errors of a command, uncaught errors."""
    line: Any = {"event": text, **fields, "level": logging.getLevelName(level).lower()}
    for step in (_stamp(), *_rendered()):
        line = step(None, "", line)
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def catch() -> None:
    """Write uncaught errors as lines: of the main thread, of other threads, and of the interpreter."""
    sys.excepthook = lambda _, error, __: crashed(error)
    threading.excepthook = lambda args: crashed(args.exc_value, f"thread {args.thread and args.thread.name}")
    sys.unraisablehook = lambda args: crashed(args.exc_value, f"clean-up of {type(args.object).__name__}")


def crashed(error: BaseException | None, where: str = "") -> None:
    """Write the line of an uncaught error."""
    fields = {"where": where} if where else {}
    write(logging.CRITICAL, "Uncaught error", exc_info=error, **fields)


def loop_error(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """The exception handler of an event loop: errors of callbacks, and of tasks that nobody awaited."""
    error, task = context.get("exception"), context.get("task") or context.get("future")
    fields = {"task": task.get_name()} if isinstance(task, asyncio.Task) else {}
    structlog.get_logger().error(str(context.get("message")), logger="asyncio", exc_info=error, **fields)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes records to whatever standard error is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """One line instead of the several that logging would print."""
        write(logging.ERROR, "A line could not be written", logger=record.name, exc_info=sys.exception())


def _shortened(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    for name, value in line.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            line[name] = f"{value[:LONGEST_TEXT]}…"
    return line


def _json(_: WrappedLogger, __: str, line: EventDict) -> str:
    error = trace.of(line.pop("exc_info", None))
    if error is not None:
        line["exception"] = trace.described(error)
    try:
        return json.dumps(line, default=repr, allow_nan=False)
    except ValueError:  # a number that JSON does not have
        return json.dumps({str(name): repr(value) for name, value in line.items()})


def _text() -> structlog.dev.ConsoleRenderer:
    colors = sys.stderr.isatty()
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=trace.write)


def _without_secrets(_: WrappedLogger, __: str, line: str | Mapping[str, Any]) -> str:
    return _State.fence.hide(str(line))


_set_up_ours()  # structlog's own default shows the values of variables
