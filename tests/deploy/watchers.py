"""The real Prometheus, Blackbox exporter and Alertmanager with the files of deploy/, but on free ports."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml

from .programs import DEPLOY, program

MONITORING = DEPLOY / "monitoring"
EVERY = "1s"
"""How often is scraped and evaluated, instead of every 15 to 30 s."""
PATIENCE_SECONDS = 60.0
"""How long anything that must happen may take to happen."""


@dataclass(frozen=True)
class Watchers:
    """Where Prometheus and Alertmanager answer."""

    prometheus: str
    alertmanager: str
    session: aiohttp.ClientSession

    async def query(self, expr: str) -> list[Any]:
        """The samples of an instant query."""
        found = await self._get(f"{self.prometheus}/api/v1/query", query=expr)
        return list(found["data"]["result"])

    async def values(self, label: str, metric: str) -> list[str]:
        """What `label_values(metric, label)` of a dashboard's variable finds."""
        found = await self._get(f"{self.prometheus}/api/v1/label/{label}/values", **{"match[]": metric})
        return list(found["data"])

    async def targets(self) -> dict[str, str]:
        """By job whether its target is "up", "down" or "unknown"."""
        found = await self._get(f"{self.prometheus}/api/v1/targets")
        return {one["labels"]["job"]: one["health"] for one in found["data"]["activeTargets"]}

    async def rules(self) -> list[Any]:
        """Every rule with its health."""
        found = await self._get(f"{self.prometheus}/api/v1/rules")
        return [rule for group in found["data"]["groups"] for rule in group["rules"]]

    async def alerts(self, name: str) -> list[Any]:
        """The alerts of that name that Alertmanager has at present."""
        found = await self._get(f"{self.alertmanager}/api/v2/alerts", filter=f'alertname="{name}"')
        return list(found)

    async def _get(self, url: str, **params: str) -> Any:
        async with self.session.get(url, params=params) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.json()


@asynccontextmanager
async def watching(service: str, folder: Path) -> AsyncIterator[Watchers]:
    """All three, watching the service at that URL, as long as the block runs."""
    prometheus, blackbox, alertmanager = (f"127.0.0.1:{_free_port()}" for _ in range(3))
    _write_prometheus(folder, urlsplit(service).netloc, prometheus, blackbox, alertmanager)
    async with AsyncExitStack() as stack:
        for words in (
            (
                "prometheus-blackbox-exporter",
                f"--config.file={DEPLOY / 'blackbox-exporter' / 'blackbox.yml'}",
                f"--web.listen-address={blackbox}",
            ),
            (
                "prometheus-alertmanager",
                f"--config.file={MONITORING / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            ),
            (
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={prometheus}",
            ),
        ):
            await stack.enter_async_context(_running(words, folder))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS))
        )
        for address in (blackbox, alertmanager, prometheus):
            await _ready(session, address, folder)
        yield Watchers(f"http://{prometheus}", f"http://{alertmanager}", session)


def appended() -> str:
    """prometheus.yml with prometheus-config.yaml behind it, as the guide's `cat … >>` makes it."""
    names = ("prometheus.yml", "prometheus-config.yaml")
    return "".join((MONITORING / name).read_text(encoding="utf-8") for name in names)


def _write_prometheus(folder: Path, service: str, own: str, blackbox: str, alertmanager: str) -> None:
    text = appended()
    for name, address in {
        "market-data-service.trading.svc:8001": service,
        "blackbox-exporter.monitoring.svc:9115": blackbox,
        "alertmanager.monitoring.svc:9093": alertmanager,
        "localhost:9090": own,
    }.items():
        assert name in text
        text = text.replace(name, address)
    config = yaml.safe_load(text)
    config["global"] = {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
    for job in config["scrape_configs"]:
        job.pop("scrape_interval", None)
        if job.pop("dns_sd_configs", None):  # there is nobody to ask for names
            job["static_configs"] = [{"targets": [service]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    rules = (MONITORING / "rules.yaml").read_text(encoding="utf-8")
    rules = re.sub(r"(?m)^( *)(interval|for): \w+$", rf"\1\2: {EVERY}", rules)
    (folder / "rules.yaml").write_text(rules)


@asynccontextmanager
async def _running(words: tuple[str, ...], folder: Path) -> AsyncIterator[None]:
    with (folder / f"{words[0]}.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(program(words[0]), *words[1:], stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _ready(session: aiohttp.ClientSession, address: str, folder: Path) -> None:
    for pause in pauses():
        try:
            async with session.get(f"http://{address}/-/healthy") as reply:
                if reply.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(pause)
    raise AssertionError(f"nothing answers at {address}: {_logs(folder)}")


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))


def pauses() -> Iterator[float]:
    """How long to sleep between two looks, for PATIENCE_SECONDS in all."""
    waited, pause = 0.0, 0.05
    while waited < PATIENCE_SECONDS:
        yield pause
        waited, pause = waited + pause, min(pause * 1.5, 0.5)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
