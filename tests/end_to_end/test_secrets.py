"""No secret leaves the process, whatever fails: the log in both formats, answers, metrics, the commands."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, quote_plus, urlsplit
from urllib.request import Request, urlopen

import pytest
from redis import Redis

from market_data.providers import discover
from market_data.store.embedded import EmbeddedValkey
from own_postgres import OwnPostgres, own_postgres

PATIENCE_SECONDS = 60.0
SOURCES = Path(__file__).parents[2] / "src"
UNFORESEEN = Path(__file__).with_name("unforeseen.py")
DATABASE, ROTATED, REDIS, TOKEN = (
    "data/base+p@ss-word",
    "rotated-p@ss-word",
    "redis-pass-word",
    "ops-token-word",
)
KEYS = {name: f"key%of&{name}-word" for name in discover()}
SECRETS = (DATABASE, ROTATED, REDIS, TOKEN, *KEYS.values(), *(f"{key}-too" for key in KEYS.values()))


@dataclass
class Service:
    """The service as a process, with real stores, and all that has come out of it."""

    folder: Path
    postgres: OwnPostgres
    valkey: EmbeddedValkey
    simulator: str
    environment: dict[str, str]
    out: dict[str, str] = field(default_factory=dict)
    """What came out, by where it came from."""
    statuses: set[int] = field(default_factory=set)
    url: str = ""

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    def ask(self, path: str, body: object = None, base: str = "", token: str = TOKEN) -> tuple[int, str]:
        """The status and the text of an answer; both are kept."""
        data = None if body is None else json.dumps(body).encode()
        request = Request((base or self.url) + path, data)  # noqa: S310 - our own address
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        request.add_header("X-Forwarded-For", "192.0.2.1")  # nobody of this machine: the token counts
        answer: HTTPResponse | HTTPError
        try:
            answer = urlopen(request, timeout=PATIENCE_SECONDS)  # noqa: S310
        except HTTPError as error:
            answer = error
        with answer:
            status, text = answer.status or 0, f"{answer.headers}\n{answer.read().decode()}"
        self.statuses.add(status)
        self.out[f"{path} {len(self.out)}"] = text
        return status, text

    def look(self) -> None:
        """Ask everything that says how things are."""
        paths = ("/health", "/health/ready", "/metrics", "/stats/config", "/stats/providers")
        for path in (*paths, "/stats/waiting", "/stocks/BTC-USD/price", "/stocks/BTC-USD/intraday"):
            self.ask(path)
        self.ask("/ops/validate", {"DATABASE_URL": f"mysql://user:{DATABASE}@h/db", "PORT": TOKEN})
        self.ask(
            "/ops/validate", {"FINNHUB_LIMITS": KEYS["finnhub"], "OPS_API_TOKEN": "", "CADENCE_T0": REDIS}
        )
        self.ask("/ops/reload", {}, token="not the token")  # noqa: S106

    def fault(self, name: str) -> None:
        """Let every provider fail in one way."""
        with urlopen(Request(f"{self.simulator}/sim/faults?provider=*", method="DELETE")):  # noqa: S310
            pass
        for provider in discover():
            body = json.dumps({"provider": provider, "fault": name}).encode()
            with suppress(HTTPError), urlopen(Request(f"{self.simulator}/sim/faults", body)):  # noqa: S310
                pass  # some cannot fail in that way

    def command(self, *words: str, **over: str) -> int:
        """The exit code of a command; what it says is kept."""
        ran = subprocess.run(
            [sys.executable, "-m", "market_data", *words],
            cwd=self.folder,
            env=self.environment | over,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.out[f"{' '.join(words)} {len(self.out)} stdout"] = ran.stdout
        self.out[f"{' '.join(words)} {len(self.out)} stderr"] = ran.stderr
        return ran.returncode

    def until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:g} s: {what}\n{self.log[-3000:]}"
            time.sleep(0.2)

    def health(self, part: str, words: str) -> None:
        self.until(lambda: words in self.part(part), f"/health says {words!r} of {part}")

    def part(self, name: str) -> str:
        _, text = self.ask("/health")
        return json.dumps(json.loads(text.partition("\n\n")[2])[name])


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="md-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _environment(
    folder: Path, form: str, postgres: OwnPostgres, valkey: EmbeddedValkey, bases: Any
) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    found = {
        **kept,
        "PYTHONPATH": str(SOURCES),
        "CONFIG_DIR": str(folder / "config"),
        "DATABASE_URL": postgres.url(DATABASE),
        "RLC_REDIS_URL": f"unix://:{REDIS}@{urlsplit(valkey.url).path}",
        "OPS_API_TOKEN": TOKEN,
        "LOG_FORMAT": form,
        "LOG_LEVEL": "DEBUG",
        "LOCAL_SWEEP_TICK_SEC": "1",
        "CADENCE_T0": "bars_1m=1,quotes_l1=1",
        "PORT": "0",
    }
    for name, provider in discover().items():
        prefix = provider.facts.settings_prefix
        found[f"{prefix}_SECRET"] = f"{KEYS[name]}-too"
        found[f"{prefix}_BASE_URL"] = bases[name]
        (folder / "config").mkdir(exist_ok=True)
        (folder / "config" / f"{prefix}_API_KEY").write_text(KEYS[name])
    return found


def _protect(valkey: EmbeddedValkey) -> None:
    with Redis.from_url(valkey.url) as client:
        client.config_set("requirepass", REDIS)


def _started(stack: ExitStack, folder: Path, words: list[str], env: dict[str, str], log: str) -> Any:
    """A process that ends with the stack; what it announces."""
    with (folder / log).open("w") as stderr:
        process = subprocess.Popen(
            words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    stack.callback(process.wait, PATIENCE_SECONDS)
    stack.callback(process.terminate)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    line = process.stdout.readline()
    assert line, (folder / log).read_text()
    return json.loads(line)


@pytest.fixture(params=["json", "text"])
def service(request: pytest.FixtureRequest, folder: Path) -> Iterator[Service]:
    with ExitStack() as stack:
        postgres = stack.enter_context(own_postgres(folder, DATABASE))
        valkey = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        _protect(valkey)
        plain = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), "LOG_FORMAT": request.param}
        words = [
            sys.executable,
            "-m",
            "market_data",
            "simulate",
            "--port",
            "0",
            "--json",
            "--plan",
            "unlimited",
        ]
        simulator = _started(stack, folder, words, plain, "simulator")
        environment = _environment(folder, request.param, postgres, valkey, simulator["base_urls"])
        found = Service(folder, postgres, valkey, simulator["url"], environment)
        assert found.command("universe", "add", "BTC-USD", "AAPL", "--tier", "T0") == 0
        words = [sys.executable, str(UNFORESEEN), str(folder / "now"), "serve", "--json"]
        found.url = _started(stack, folder, words, environment, "stderr")["url"]
        yield found
    if request.param == "json":
        _every_line_is_an_object(found.log)
        _every_line_is_an_object((folder / "simulator").read_text())


def test_no_secret_leaves_the_process_whatever_fails(service: Service) -> None:
    service.until(lambda: service.ask("/stocks/BTC-USD/price")[0] == 200, "a price")
    _fail_at_providers(service)
    _fail_at_postgres(service)
    _fail_at_redis(service)
    _fail_unforeseen(service)
    _fail_at_commands(service)
    service.out["the log"] = service.log
    assert {200, 403, 422, 500, 503} <= service.statuses
    for said in (
        "refuses the user or the password",
        "is read-only",
        "nothing listens at",
        "Uncaught error",
    ):
        assert said in service.log or said in "".join(service.out.values()), said
    _nothing_is_told(service.out)


def _fail_at_providers(service: Service) -> None:
    for name in ("http_500", "garbage", "wrong_schema", "http_429"):
        service.fault(name)
        service.look()
        time.sleep(1.5)
    service.fault("latency")
    config = Path(service.environment["CONFIG_DIR"])
    for path in config.iterdir():
        path.write_text("invalid")
    assert service.ask("/ops/reload", {})[0] == 200
    time.sleep(2)
    service.look()
    for name, provider in discover().items():
        (config / f"{provider.facts.settings_prefix}_API_KEY").write_text(KEYS[name])
    (config / "LOG_LEVEL").write_text("INFO")
    (config / "LIVE_BATCH_SIZE").write_text(REDIS)  # a secret in the wrong file
    service.ask("/ops/reload", {})
    (config / "LIVE_BATCH_SIZE").unlink()
    assert service.ask("/ops/reload", {})[0] == 200


def _fail_at_postgres(service: Service) -> None:
    postgres = service.postgres
    asyncio.run(postgres.password(ROTATED))
    asyncio.run(postgres.cut())
    service.health("database", "refuses the user or the password")
    for _ in range(5):
        service.look()
    assert service.command("bars", "BTC-USD") == 3
    asyncio.run(postgres.password(DATABASE))
    service.health("database", '"ok": true')
    asyncio.run(postgres.read_only(True))
    service.health("database", "is read-only")
    service.look()
    asyncio.run(postgres.read_only(False))
    service.health("database", '"ok": true')
    postgres.server.__exit__(None, None, None)
    service.health("database", "nothing listens at")
    service.look()
    assert service.command("bars", "BTC-USD") == 1
    assert service.command("universe", "add", "ETH-USD", "--tier", "T0") == 1
    postgres.server.__enter__()
    service.health("database", '"ok": true')


def _fail_at_redis(service: Service) -> None:
    service.valkey.__exit__(None, None, None)
    service.health("redis", "RLC_REDIS_URL")
    service.look()
    service.command("doctor", "--no-ask")
    service.valkey.__enter__()
    service.look()  # it asks for no password now, and refuses to take one
    _protect(service.valkey)
    service.health("redis", '"ok": true')


def _fail_unforeseen(service: Service) -> None:
    (service.folder / "now").touch()
    service.until(lambda: service.log.count("Unforeseen") >= 4, "what was unforeseen is logged")
    asyncio.run(service.postgres.does("ALTER TABLE quotes_l1 RENAME TO elsewhere"))
    service.until(lambda: service.ask("/stocks/BTC-USD/price")[0] == 500, "a bug of a request")
    asyncio.run(service.postgres.does("ALTER TABLE symbol_universe RENAME TO nowhere"))
    service.until(lambda: "A loop failed" in service.log, "a bug of a loop")
    service.look()
    asyncio.run(service.postgres.does("ALTER TABLE elsewhere RENAME TO quotes_l1"))
    asyncio.run(service.postgres.does("ALTER TABLE nowhere RENAME TO symbol_universe"))


def _fail_at_commands(service: Service) -> None:
    wrong = f"postgresql://market:{ROTATED}@127.0.0.1:1/db"
    assert service.command("serve", DATABASE_URL=wrong) == 1
    assert service.command("serve", DATABASE_URL=f"mysql://market:{DATABASE}@h/db") == 3
    assert service.command("serve", DATABASE_URL=f"postgresql://market:pass/{ROTATED}@h:1/db") == 3
    assert service.command("serve", LIVE_BATCH_SIZE=DATABASE, CADENCE_T0=REDIS, POLICY_EOD=TOKEN) == 3
    assert service.command("coordinate", RLC_REDIS_URL=f"redis://:{REDIS}@127.0.0.1:1/0") == 1
    assert service.command("bars", "BTC-USD", "--limit", "many") == 2
    asyncio.run(service.postgres.does("ALTER TABLE candles_intraday RENAME TO gone"))
    assert service.command("bars", "BTC-USD") == 1  # a bug, as far as it knows
    asyncio.run(service.postgres.does("ALTER TABLE gone RENAME TO candles_intraday"))
    if service.environment["LOG_FORMAT"] == "json":
        for name, text in service.out.items():
            if name.endswith("stderr"):
                _every_line_is_an_object(text)


def _every_line_is_an_object(text: str) -> None:
    for line in text.splitlines():
        assert isinstance(json.loads(line), dict)


def _nothing_is_told(out: dict[str, str]) -> None:
    for secret in SECRETS:
        spellings = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
        for where, text in out.items():
            for one in spellings:
                assert one not in text, f"{one!r} in {where}: …{text[max(0, text.find(one) - 200) :][:500]}"
    for where, text in out.items():
        assert "Traceback (most recent call last)" not in text, where
