"""What is done here in place of what the guide lets a cluster do, and what is looked at before a command is tried."""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from guide.errors import Broken, Unfit
from guide.sees import metric, short
from guide.stack import DATABASE, ROOT, STOP_SECONDS, USER
from guide.step import Act, Target, until

ASK_SECONDS = 10.0
"""How long an answer may take."""
SETTLE_SECONDS = 40.0
"""How long what was set off may take to be seen."""
STATED = ("DATABASE_URL", "RLC_REDIS_URL")
"""Settings of the guide's that name servers of its cluster: here they name the stack's."""


def query(target: Target, statement: str) -> str:
    """What psql says, fields with bars between, a row a line."""
    if not target.libpq:
        raise Unfit("no database was named: --database-url")
    database = ["-d", DATABASE] if target.stack is not None else []
    done = subprocess.run(
        ["psql", *database, "-AtX", "-v", "ON_ERROR_STOP=1", "-c", statement],
        env={**_path(), **target.libpq},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise Broken(short(done.stderr))
    return done.stdout.strip()


def get(target: Target, path: str) -> str:
    """The text of an answer."""
    return _asked(Request(target.url + path))  # noqa: S310 - the target's own address


def post(target: Target, path: str, body: object = None) -> str:
    """The text of the answer to a POST."""
    data = b"" if body is None else json.dumps(body).encode()
    return _asked(Request(target.url + path, data, {"Content-Type": "application/json"}, method="POST"))  # noqa: S310


def with_timescale(target: Target) -> str:
    """Unfit where the server has no TimescaleDB."""
    found = query(target, "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'")
    if not found:
        raise Unfit("no TimescaleDB on this PostgreSQL")
    return found


def with_file(path: str, after: Act | None = None) -> Act:
    """Unfit where the project has no such file, or `after` says so."""

    def look(target: Target) -> str:
        if not (ROOT / path).exists():
            raise Unfit(f"{path} is not here")
        return after(target) if after is not None else path

    return look


def there(*paths: str, tried: str) -> Act:
    """Unfit, as a cluster is needed, but not before it was seen that the files are there."""

    def look(_: Target) -> str:
        if missing := [one for one in paths if not (ROOT / one).exists()]:
            raise Broken(f"not there: {', '.join(missing)}")
        raise Unfit(
            f"needs a cluster; {', '.join(paths)} {'is' if len(paths) == 1 else 'are'} tried by {tried}"
        )

    return look


def roles(target: Target) -> str:
    """What whoever runs the guide's PostgreSQL has made before."""
    target.own  # noqa: B018 - Unfit without a stack
    whose = query(target, "SELECT usename || usesuper FROM pg_user WHERE usename = current_user")
    if (
        whose != f"{USER}false"
        or query(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") != "0"
    ):
        raise Broken(f"{whose}, or the database is not empty")
    return f"{USER}, who is no superuser, owns the empty database {DATABASE}"


def configured(guide: str) -> Act:
    """Writes the literals of a ConfigMap or Secret, or of `set env`, as the files that the service reads."""
    values = _literals(guide)

    def write(target: Target) -> str:
        kept = {name: value for name, value in values.items() if name not in STATED}
        target.own.configure(kept)
        own = [name for name in values if name in STATED]
        less = f"; {' and '.join(own)} name the stores of this stack" if own else ""
        return f"files of CONFIG_DIR: {', '.join(kept)}{less}"

    return write


def deployed(target: Target) -> str:
    """One replica, as a process."""
    began = time.monotonic()
    target.own.start(1)
    target.url = target.own.replicas[0].url
    return f"a process of the service answers after {time.monotonic() - began:.1f} s"


def scaled(count: int) -> Act:
    """As many replicas as the guide wants, as processes; each must be able to do its job."""

    def scale(target: Target) -> str:
        stack = target.own
        stack.start(count - len(stack.replicas))
        target.url = stack.replicas[0].url

        def look() -> str:
            health = [json.loads(get(Target(url=one.url), "/health")) for one in stack.replicas]
            known = {one["redis"]["detail"]["replicas"] for one in health}
            if {one["status"] for one in health} != {"ok"} or known != {count}:
                raise Broken(f"health {[one['status'] for one in health]}, replicas known: {known}")
            return f"{count} processes of the service, each ok, each knows of {count} replicas"

        return until(look, SETTLE_SECONDS)

    return scale


def stopped(target: Target) -> str:
    """Every replica gets SIGTERM, as a pod does."""
    stack = target.own
    target.notes["bars"] = query(target, "SELECT count(*) FROM candles_intraday")
    count, began = len(stack.replicas), time.monotonic()
    codes, took = stack.stop(), time.monotonic() - began
    if any(codes):
        raise Broken(f"exit codes {codes} after {took:.1f} s")
    if took > STOP_SECONDS:
        raise Broken(f"it took {took:.1f} s")
    target.notes["bars"] = query(target, "SELECT count(*) FROM candles_intraday")
    return f"SIGTERM to {count} processes: all ended with 0 within {took:.1f} s"


def nothing_lost(target: Target) -> str:
    """After a restart all bars are there."""
    target.own  # noqa: B018 - Unfit without a stack
    kept, now = int(target.notes["bars"]), int(query(target, "SELECT count(*) FROM candles_intraday"))
    if now < kept:
        raise Broken(f"{now} bars where {kept} were")
    return f"{kept} bars before, {now} after"


def in_force(guide: str) -> Act:
    """Settings in the place of `set env`, put in force by a reload, without a restart."""
    write = configured(guide)

    def change(target: Target) -> str:
        told = write(target)
        answer = json.loads(post(target, "/ops/reload"))
        names: dict[str, str] = {one["setting"]: one["after"] for one in answer["changes"]}
        expected = _literals(guide)
        if not answer["swapped"] or any(names.get(name) != value for name, value in expected.items()):
            raise Broken(f"{told}; the reload changed {names}")
        return f"{told}; a reload put them in force: {', '.join(f'{n}={v}' for n, v in names.items())}"

    return change


def dumpable(target: Target) -> str:
    """Unfit where pg_dump is older than the server: it refuses then."""
    words = ["pg_dump", "--version"]
    told = subprocess.run(words, env=_path(), capture_output=True, text=True, check=True)
    [program] = re.findall(r"\b(\d+)\.\d+", told.stdout)[:1]
    server = int(query(target, "SHOW server_version_num")) // 10_000
    if int(program) < server:
        raise Unfit(f"pg_dump is of PostgreSQL {program}, the server of {server}")
    return str(program)


def logged(pattern: str) -> Act:
    """A line that the service's log has."""

    def look(target: Target) -> str:
        found = re.findall(rf"(?m)^.*{pattern}.*$", target.own.log()[-100_000:])
        if not found:
            raise Broken(f"no {pattern!r} in the log of the service")
        return f"{len(found)} lines in the log, the last: {short(found[-1])}"

    return look


def sampled(target: Target, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    found = metric(get(target, "/metrics"), name)
    return sum(value for have, value in found if labels.items() <= have.items())


def named(*metrics: str) -> Act:
    """Metrics that /metrics has."""

    def look(target: Target) -> str:
        text = get(target, "/metrics")
        if missing := [one for one in metrics if not re.search(rf"(?m)^# TYPE {re.escape(one)} ", text)]:
            raise Broken(f"/metrics has no {', '.join(missing)}")
        return f"/metrics has {', '.join(metrics)}"

    return look


def _literals(guide: str) -> Mapping[str, str]:
    found = re.findall(r"(?:--from-literal=|\s)([A-Z][A-Z0-9_]+)=(?:'([^']*)'|(\S+))", guide)
    return {name: quoted or plain for name, quoted, plain in found}


def _asked(request: Request) -> str:
    try:
        with urlopen(request, timeout=ASK_SECONDS) as reply:  # noqa: S310
            return str(reply.read().decode())
    except HTTPError as error:
        raise Broken(f"{error.code}: {short(error.read().decode(errors='replace'))}") from None
    except (URLError, OSError) as error:
        raise Broken(f"no answer: {error}") from None


def _path() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PGTZ": "UTC", "LANG": "C.UTF-8"}
