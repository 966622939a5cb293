"""Every line on standard error is in the format that is set, whoever wrote it, and has no secret in it."""

import asyncio
import gc
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import pytest
import structlog

from market_data.settings import read
from market_data.telemetry import lines, logs

PASSWORD = 'p/w"ü-hunter2'  # noqa: S105 - what must not leak
LIBRARIES = (
    "uvicorn.error",
    "uvicorn.access",
    "asyncio",
    "redis",
    "asyncpg.pool",
    "aiohttp.server",
    "websockets.server",
)


@contextmanager
def written(form: str = "json", level: str = "INFO") -> Iterator[StringIO]:
    with redirect_stderr(StringIO()) as out:
        lines.set_up(level, form)
        lines.catch()
        root = logging.getLogger()
        root.handlers = root.handlers[-1:]  # without pytest's own
        yield out


def objects(out: StringIO) -> list[Any]:
    assert out.getvalue().endswith("\n")
    return [json.loads(line) for line in out.getvalue().splitlines()]


def boom() -> None:
    raise ValueError("boom")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_line_of_a_library_is_one_object(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = logging.getLogger(name)
    level = library.level
    monkeypatch.setattr(library, "propagate", True)  # a server of uvicorn's switches its access log off
    library.setLevel(logging.NOTSET)  # … and sets the level of its own lines
    with written() as out:
        library.warning("two\nlines of %s", "a library")
    library.setLevel(level)
    (found,) = objects(out)
    assert (found["event"], found["level"], found["logger"]) == ("two\nlines of a library", "warning", name)
    assert "timestamp" in found


def test_an_error_of_a_library_has_its_traceback_as_an_object() -> None:
    with written() as out:
        try:
            boom()
        except ValueError:
            logging.getLogger("aiohttp.server").exception("Error handling request")
    (found,) = objects(out)
    assert found["exception"]["message"] == "boom"
    assert found["exception"]["frames"][-1]["function"] == "boom"


def test_an_error_of_ours_has_its_traceback_as_an_object() -> None:
    with written() as out:
        try:
            boom()
        except ValueError as error:
            structlog.get_logger().error("Request failed", exc_info=error)
    assert objects(out)[0]["exception"]["type"] == "ValueError"


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "ERROR"])
def test_libraries_are_heard_from_warnings_on(level: str) -> None:
    with written(level=level) as out:
        logging.getLogger("websockets.server").debug("< Authorization: Bearer secret")
        logging.getLogger("uvicorn.error").info("started")
        logging.getLogger("redis").warning("slow")
    assert len(out.getvalue().splitlines()) == (0 if level == "ERROR" else 1)


def test_a_warning_of_python_is_one_object() -> None:
    with warnings.catch_warnings(), written() as out:
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in objects(out)[0]["event"]


def test_an_error_of_a_thread_is_one_object() -> None:
    with written() as out:
        thread = threading.Thread(target=boom, name="helper")
        thread.start()
        thread.join()
    (found,) = objects(out)
    assert (found["where"], found["exception"]["message"]) == ("thread helper", "boom")


def test_an_error_that_nobody_caught_is_one_object() -> None:
    with written() as out:
        try:
            boom()
        except ValueError as error:
            sys.excepthook(ValueError, error, error.__traceback__)
    (found,) = objects(out)
    assert (found["level"], found["exception"]["message"]) == ("critical", "boom")


class _Dying:
    def __del__(self) -> None:
        boom()


def test_an_error_of_a_clean_up_is_one_object() -> None:
    with written() as out:
        _Dying()
    assert objects(out)[0]["exception"]["message"] == "boom"


async def _never_awaited() -> None:
    async def fail() -> None:
        boom()

    task = asyncio.create_task(fail(), name="forgotten")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()


async def _callback() -> None:
    asyncio.get_running_loop().call_soon(boom)
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("work", [_never_awaited, _callback])
@pytest.mark.parametrize("handled", [True, False], ids=["our handler", "asyncio's own"])
def test_what_a_loop_reports_is_one_object(work: Callable[[], Any], handled: bool) -> None:
    async def run() -> None:
        if handled:
            asyncio.get_running_loop().set_exception_handler(lines.loop_error)
        await work()

    with written() as out:
        asyncio.run(run())
    (found,) = objects(out)
    assert (found["logger"], found["exception"]["message"]) == ("asyncio", "boom")


def test_a_record_that_cannot_be_written_is_one_object_all_the_same() -> None:
    with written() as out:
        logging.getLogger("redis").warning("%d", "no number")
    (found,) = objects(out)
    assert (found["event"], found["logger"]) == ("A line could not be written", "redis")


def test_a_number_that_json_does_not_have_is_written_as_text() -> None:
    with written() as out:
        structlog.get_logger().info("odd", value=float("nan"))
    assert objects(out)[0]["value"] == "nan"


def test_a_long_text_is_cut() -> None:
    with written() as out:
        logging.getLogger("redis").warning("x" * 1_000_000)
    assert len(out.getvalue()) < 2 * lines.LONGEST_TEXT


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_of_a_configuration_is_written(form: str) -> None:
    environment = {
        "DATABASE_URL": "postgresql://user:data%2Fbase-pw@h/db",
        "RLC_REDIS_URL": "redis://:redis-pw-word@h/0",
        "OPS_API_TOKEN": PASSWORD,
        "FINNHUB_API_KEY": "key-of-finnhub",
        "ALPACA_SECRET": "secret-of-alpaca",
        "YAHOO_BASE_URL": "https://proxy:proxy-pw-word@h",
        "LOG_FORMAT": form,
    }
    secrets = [
        "data%2Fbase-pw",
        "data/base-pw",
        "redis-pw-word",
        PASSWORD,
        "key-of-finnhub",
        "secret-of-alpaca",
    ]
    with redirect_stderr(StringIO()) as out:
        logs.set_up(read(environment, dotenv=None))
        lines.catch()
        for secret in secrets:
            structlog.get_logger().error(
                f"it says {secret}", value=secret, exc_info=ValueError(f"={secret}&")
            )
            logging.getLogger("redis").warning("it says %r", secret)
            lines.write(logging.INFO, secret)
    for secret in secrets:
        for spelling in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            assert spelling not in out.getvalue()
    assert out.getvalue().count("***") >= 4 * 7


def test_the_secrets_before_a_reload_stay_hidden() -> None:
    with redirect_stderr(StringIO()) as out:
        for key in ("first-key-word", "second-key-word"):
            logs.set_up(read({"FINNHUB_API_KEY": key, "LOG_FORMAT": "json"}, dotenv=None))
        structlog.get_logger().info("first-key-word second-key-word")
    assert objects(out)[0]["event"] == "*** ***"


def test_a_word_of_which_a_secret_is_a_part_stays() -> None:
    with redirect_stderr(StringIO()) as out:
        logs.set_up(read({"FINNHUB_API_KEY": "postgres", "LOG_FORMAT": "json"}, dotenv=None))
        structlog.get_logger().info("postgresql of postgres")
    assert objects(out)[0]["event"] == "postgresql of ***"


def test_no_value_of_a_variable_is_shown_where_nothing_was_set_up() -> None:
    """A part of the service may be used without the command that sets logging up."""
    script = """
import structlog
import market_data.telemetry.logs
def fail(password):
    raise ValueError("boom")
try:
    fail("hunter2-" + "hunter2")
except ValueError as error:
    structlog.get_logger().error("it failed", exc_info=error)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "ValueError: boom" in ran.stderr
    assert "hunter2-hunter2" not in ran.stderr
