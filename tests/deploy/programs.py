"""The programs that read what deploy/ holds: Debian's, where they are installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SECONDS = 60.0
"""How long one of them may take."""
PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "kubectl": "kubectl",
}
"""By program the Debian package that has it: `tools/install-debian` installs them."""


def documents(name: str) -> list[Any]:
    """The YAML documents of a file of deploy/."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def document(name: str) -> Any:
    """The only YAML document of a file of deploy/."""
    [found] = documents(name)
    return found


def program(name: str) -> str:
    """Where a program is; the test is skipped where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package {PACKAGES[name]}; see tools/install-debian)")
    return found


def said(*words: str | Path, folder: Path = ROOT) -> str:
    """What a program prints; it must succeed."""
    name, *rest = words
    ran = subprocess.run(
        [program(str(name)), *map(str, rest)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
