"""Tries the deployment guide: runs its commands that need no cluster, and says what was promised and what was seen.

Without options it starts a throw-away stack (PostgreSQL, Valkey, the provider simulator, the service) in a temporary
folder and removes it at the end. Exit code 1: something is not as the guide promises it.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from guide import report, shell, stack
from guide.step import Broken, Target, Verdict
from guide.walk import walk
from market_data.errors import MarketDataError

OPENING = "T16:00:30Z"
"""When the stack's clock begins, on the guide's day: New York is open, and 120 bars are there."""


def main() -> int:
    """Try it; 0 if nothing failed."""
    given = _options().parse_args()
    if given.database_url and not given.url:
        _options().error("--database-url: name the service that works on it too, with --url")
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
    parser.add_argument("--url", help="a service that runs, such as http://localhost:8001; else a throw-away stack")
    parser.add_argument("--database-url", help="the PostgreSQL that it works on, for the guide's psql commands")
    parser.add_argument(
        "--server", help="a superuser's URL of a PostgreSQL for the throw-away stack, such as one with TimescaleDB"
    )
    parser.add_argument("--day", default=shell.GUIDES_DAY, help="the session of the gap test, YYYY-MM-DD")
    parser.add_argument(
        "--drill", action="store_true", help="with --url: delete 11 bars of AAPL and have them restored (Test 2)"
    )
    return parser


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
        with stack.running(given.day + OPENING, given.server) as running:
            _say(
                f"on a throw-away stack in {running.folder}: its clock began at {given.day}{OPENING}\n"
                + "beside the guide's settings: "
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
