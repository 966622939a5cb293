"""Tries the deployment guide: runs what needs no cluster, and says what was promised and what seen.

Without options it starts a throw-away stack (PostgreSQL, Valkey, the provider simulator, the service) in a
temporary folder and removes it at the end. Exit code 1: something is not as the guide promises it.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from guide import report, shell, stack
from guide.errors import Broken
from guide.step import Target, Verdict
from guide.walk import walk
from market_data.calendar import hours_of
from market_data.errors import MarketDataError
from market_data.market.instrument import AssetType

BEGINNING = "16:00:30"
"""UTC; when the stack's clock begins, on the guide's day: New York is open, and 120 bars are there."""
GUIDES_HOURS = ("13:30:00", BEGINNING)
"""UTC; when New York has to be open: in winter it opens too late for the guide's window."""


def main() -> int:
    """Try it; 0 if nothing failed."""
    given = _options().parse_args()
    if problem := _problem(given):
        _options().error(problem)
    began, lines = time.monotonic(), []
    try:
        with _target(given) as target:
            for part, tried in walk(target):
                _say(report.heading(part))
                for line in tried:
                    lines.append(line)
                    _say(report.entry(line))
    except (Broken, MarketDataError) as error:
        _say(f"guide-check: {error}\n")
        return 1
    except KeyboardInterrupt:
        _say("guide-check: interrupted; what was started is stopped\n")
        return 130
    _say(report.summary(lines, time.monotonic() - began))
    return 1 if any(line.verdict is Verdict.FAIL for line in lines) else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/guide-check", description=__doc__)
    parser.add_argument(
        "--url", help="a service that runs, such as http://localhost:8001; else a throw-away stack"
    )
    parser.add_argument(
        "--database-url", help="the PostgreSQL that it works on, for the guide's psql commands"
    )
    parser.add_argument(
        "--server",
        help="a superuser's URL of a PostgreSQL for the throw-away stack, such as one with TimescaleDB",
    )
    parser.add_argument(
        "--day",
        help="the session of the gap test, YYYY-MM-DD, else the guide's; with --server the newest in "
        "summer time, for TimescaleDB drops bars that are older than a year",
    )
    parser.add_argument(
        "--drill",
        action="store_true",
        help="with --url: delete 11 bars of AAPL and have them restored (Test 2)",
    )
    return parser


def _problem(given: argparse.Namespace) -> str:
    """What is wrong with the options; sets the day where none was given."""
    if given.database_url and not given.url:
        return "--database-url: name the service that works on it too, with --url"
    if given.server and given.url:
        return "--server is for the throw-away stack: leave --url out"
    if given.day is None:
        given.day = _newest(time.time()) if given.server else shell.GUIDES_DAY
    try:
        fits = given.url or _fits(date.fromisoformat(given.day))
    except ValueError:
        return f"--day: {given.day!r} is no day, such as {shell.GUIDES_DAY}"
    return "" if fits else f"--day: New York was not open on {given.day} from {' to '.join(GUIDES_HOURS)} UTC"


def _fits(day: date) -> bool:
    sessions = hours_of("XNYS", AssetType.EQUITY).regular
    begin, end = (datetime.fromisoformat(f"{day}T{hour}Z").timestamp() for hour in GUIDES_HOURS)
    found = sessions.session_at(begin)
    return found is not None and end < found.end


def _newest(now: float) -> str:
    """The newest day, not today, that fits."""
    day = datetime.fromtimestamp(now, UTC).date() - timedelta(days=1)
    while not _fits(day):
        day -= timedelta(days=1)
    return day.isoformat()


@contextmanager
def _target(given: argparse.Namespace) -> Iterator[Target]:
    with tempfile.TemporaryDirectory(prefix="guide-check-") as folder:
        home = Path(folder)
        for name in ("db", "deploy"):  # the guide's paths, in a folder that may be littered
            (home / name).symlink_to(stack.ROOT / name)
        if given.url:
            _say(f"on {given.url}\n")
            libpq = _libpq(given.database_url) if given.database_url else {}
            yield Target(home=home, url=given.url.rstrip("/"), libpq=libpq, day=given.day, drill=given.drill)
            return
        if not given.server:  # psql and pg_dump of its version
            os.environ["PATH"] = f"{stack.programs()}{os.pathsep}{os.environ['PATH']}"
        with stack.running(f"{given.day}T{BEGINNING}Z", given.server) as running:
            _say(
                f"on a throw-away stack in {running.folder}: its clock began at {given.day} {BEGINNING} UTC\n"
                "beside the guide's settings: "
                + ", ".join(f"{name}={value}" for name, value in stack.REHEARSAL.items())
                + "; every provider is simulated\n"
            )
            yield Target(home=home, libpq=running.libpq, stack=running, day=given.day)


def _libpq(url: str) -> dict[str, str]:
    """A URL as libpq's variables: no password stands in a command line."""
    parts = urlsplit(url)
    told = {
        "PGHOST": parts.hostname or dict(parse_qsl(parts.query)).get("host"),
        "PGPORT": str(parts.port) if parts.port else None,
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.path.lstrip("/"),
    }
    return {name: unquote(value) for name, value in told.items() if value}


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
