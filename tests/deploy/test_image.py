"""The container image: its steps are done here one after another, and what they make is run as nobody."""

import json
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from dockerfile_parse import DockerfileParser

from .programs import ROOT

SECONDS = 300.0
"""How long one step may take."""
START_SECONDS = 60.0
SHELL = "/bin/sh"
BASE = Path("/usr/bin/python3")
"""What the steps call `python`: one that everybody may run, which the tests' own need not be."""


@dataclass
class Stage:
    """What a stage of the Dockerfile says, with its paths moved under `root`."""

    root: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def moved(self, text: str) -> str:
        for name in ("/opt/", "/build", "/data"):
            text = text.replace(name, f"{self.root}{name}")
        return text

    def run(self, command: str) -> None:
        ran = self._ran(command, UV_OFFLINE="1")
        if ran.returncode:  # uv says that there is no such version, or that the network is disabled
            # this Python needs what the tests' own did not: it is fetched from where all the rest came from
            ran = self._ran(command)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"

    def _ran(self, command: str, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
        environment = {**kept, "HOME": os.environ["HOME"], **self.environment, **more}
        environment.pop("UV_NO_CACHE", None)  # the cache has what this environment was installed from
        return subprocess.run(
            [SHELL, "-c", self.moved(command)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def steps() -> list[list[tuple[str, str]]]:
    """The instructions of each stage."""
    stages: list[list[tuple[str, str]]] = []
    for one in DockerfileParser(str(ROOT)).structure:
        if one["instruction"] == "FROM":
            stages.append([])
        elif stages and one["instruction"] != "COMMENT":
            stages[-1].append((one["instruction"], one["value"]))
    return stages


def context(folder: Path) -> None:
    """What .dockerignore leaves: it forbids all and then allows names at the top."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [one for one in lines if one and not one.startswith("#")]
    assert rules[0] == "*"
    assert rules[-1] == "**/__pycache__"
    allowed = [one.removeprefix("!") for one in rules[1:-1]]
    assert [f"!{one}" for one in allowed] == rules[1:-1]
    folder.mkdir()
    for name in allowed:
        _copy(ROOT / name, folder / name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    """The last stage, with what the first one built."""
    if not BASE.exists():
        pytest.skip(f"{BASE} is not there: nobody but their owner may run the others")
    root = Path(tempfile.mkdtemp(prefix="md-image-"))
    root.chmod(0o755)
    try:
        context(root / "context")
        (root / "bin").mkdir()
        (root / "bin" / "python").symlink_to(BASE)
        path = f"{root / 'bin'}:/usr/bin:/bin"
        first, last = steps()
        _build(first, Stage(root, root, {"PATH": path}))
        stage = Stage(root, root, {"PATH": path})
        for instruction, value in last:
            if instruction == "ENV":
                stage.environment |= _pairs(value.replace("$PATH", path))
        stage.environment = {name: stage.moved(value) for name, value in stage.environment.items()}
        yield stage
    finally:
        shutil.rmtree(root)


def _build(instructions: list[tuple[str, str]], stage: Stage) -> None:
    for instruction, value in instructions:
        match instruction:
            case "WORKDIR":
                stage.folder = Path(stage.moved(value))
                stage.folder.mkdir(exist_ok=True)
            case "ENV":
                stage.environment |= _pairs(value)
            case "COPY":
                *sources, target = value.split()
                for one in sources:
                    to = stage.folder / target
                    _copy(stage.root / "context" / one, to / one if target.endswith("/") else to)
            case "RUN" if "-r requirements/bootstrap.txt" in value and "venv /opt/installer" in value:
                (stage.root / "opt").mkdir()  # the installer that is here has the same versions
                (stage.root / "opt" / "installer").symlink_to(sys.prefix)
            case "RUN":
                stage.run(value)
            case _:
                pytest.fail(f"{instruction} is not known here")


def _pairs(value: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in shlex.split(value))


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.prefix) / "bin" / "hadolint"
    ran = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_it_ends_as_a_user_without_rights_that_is_looked_after() -> None:
    _, last = steps()
    said = dict(last)
    assert said["USER"] == "10001:10001"
    assert said["EXPOSE"] == "8001"
    assert "/health/live" in said["HEALTHCHECK"]
    assert [name for name, _ in last if name == "RUN"] == ["RUN"]  # after the user is set nothing is done
    assert [name for name, _ in last].index("USER") > [name for name, _ in last].index("RUN")


def test_no_tool_that_builds_or_installs_is_left(image: Stage) -> None:
    environment = image.root / "opt" / "market-data"
    programs = {path.name for path in (environment / "bin").iterdir()}
    assert "market-data" in programs
    assert programs.isdisjoint({"uv", "uvx", "pip", "pip3", "hatchling"})
    [packages] = environment.glob("lib/python*/site-packages")
    installed = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert "market_data_service" in installed
    assert installed.isdisjoint({"uv", "pip", "setuptools", "hatchling", "pytest", "mypy"})
    assert (packages / "market_data" / "store" / "migrations").is_dir()
    assert not (packages / "market_data_service.pth").exists()  # it needs no source beside it


def test_nobody_can_change_what_it_runs(image: Stage) -> None:
    environment = image.root / "opt" / "market-data"
    loose = [
        path
        for path in environment.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & stat.S_IWOTH
    ]
    assert loose == []


def test_it_serves_as_a_user_without_rights_and_stops_in_order(image: Stage) -> None:
    said = dict(steps()[1])
    with _writable(image.root / "w") as (folder, user), (folder / "log").open("w") as log:
        # a temporary folder of its own, as every container has
        own = {"DATA_DIR": str(folder / "data"), "HOST": "127.0.0.1", "TMPDIR": str(folder)}
        environment = image.environment | own
        words: list[str] = json.loads(said["ENTRYPOINT"]) + json.loads(said["CMD"])
        process = subprocess.Popen(
            [image.root / "opt" / "market-data" / "bin" / words[0], *words[1:], "--port", "0", "--json"],
            cwd=folder,
            env=environment,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            url = json.loads(line)["url"]
            with urlopen(f"{url}/health", timeout=START_SECONDS) as reply:  # noqa: S310 - our own address
                assert reply.status == 200
            words = json.loads(said["HEALTHCHECK"].partition("CMD")[2].replace("http://127.0.0.1:8001", url))
            checked = subprocess.run(words, env=environment, user=user, timeout=START_SECONDS, check=False)
            assert checked.returncode == 0
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(START_SECONDS)
            process.stdout.close()
        assert code == 0, (folder / "log").read_text()


@contextmanager
def _writable(folder: Path) -> Iterator[tuple[Path, int | None]]:
    """The only folder that it may write to, and as whom: not root, where we are."""
    folder.mkdir()
    nobody = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
    if nobody is not None:
        os.chown(folder, nobody, nobody)
    yield folder, nobody
