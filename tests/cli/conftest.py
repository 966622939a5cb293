"""Runs the commands as a user does: a process of its own, in a folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND_SECONDS = 60.0
"""How long a command may take."""
SOURCES = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document and nothing else."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, postgres_url: str) -> Run:
    """`run("bars", "AAPL", DATABASE_URL=…)`: in an empty folder, on a migrated database of the test's own."""

    def ran(*words: str | Path, **settings: str) -> Ran:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_RUNTIME_DIR") if name in os.environ}
        environment = {**kept, "PYTHONPATH": str(SOURCES), "DATABASE_URL": postgres_url, **settings}
        done = subprocess.run(
            [sys.executable, "-m", "market_data", *map(str, words)],
            cwd=tmp_path,
            env={name: value for name, value in environment.items() if value},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return ran
