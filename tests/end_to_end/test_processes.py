"""The service as a process: starting, stopping, being killed, and starting again."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

PATIENCE_SECONDS = 60.0
"""How long anything that must happen may take to happen, on a machine that does much else."""
SOURCES = Path(__file__).parents[2] / "src"


_started: list[subprocess.Popen[str]] = []
"""By the test that runs."""


class Demo:
    """`market-data demo` in a folder of its own."""

    def __init__(self, folder: Path, *words: str, **over: str) -> None:
        self.folder = folder
        self.log = folder / "stderr"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*_COMMAND, "demo", *(words or ("--port", "0", "--simulator-port", "0", "--json"))],
                cwd=folder,
                env=_environment() | over,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        _started.append(self.process)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def url(self) -> str:
        """Where it answers, once it does."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said
        return str(json.loads(line)["url"])

    def wait_for(self, words: str) -> None:
        _until(lambda: words in self.said, f"{words!r} is said")

    def ended(self, by: signal.Signals | None = None) -> int:
        """Its exit code, after a signal."""
        if by is not None:
            self.process.send_signal(by)
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def command(self, *words: str) -> Any:
        """What another command says of its data, as JSON."""
        ran = subprocess.run(
            [*_COMMAND, *words, "--demo", "--json"],
            cwd=self.folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


_COMMAND = (sys.executable, "-m", "market_data")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_RUNTIME_DIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(SOURCES)}


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short name; what still runs on it when the test ends is a failure."""
    path = Path(tempfile.mkdtemp(prefix="md-"))
    yield path
    for process in _started:
        if process.poll() is None:  # the test has failed: what it has started goes with it
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
    _started.clear()
    left = processes(path)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path, ignore_errors=True)
    assert left == {}


def processes(folder: Path) -> dict[int, str]:
    """The servers that run on a folder, by pid."""
    return {pid: command for pid, _, command in _processes() if str(folder) in command}


def simulators(parent: int) -> list[int]:
    """The simulators that a process has started."""
    return [
        pid for pid, its_parent, command in _processes() if its_parent == parent and "simulate" in command
    ]


def _processes() -> Iterator[tuple[int, int, str]]:
    """Each process's pid, its parent's, and its command line."""
    words = [shutil.which("ps") or "ps", "-axwwo", "pid=,ppid=,command="]
    for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        pid, parent, *command = line.split(maxsplit=2)
        yield int(pid), int(parent), command[0] if command else ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    # one that has ended and that nobody has looked after is not alive
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def _until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:g} s: {what}"
        time.sleep(0.05)


def _get(url: str) -> Any:
    with urlopen(url, timeout=PATIENCE_SECONDS) as reply:  # noqa: S310 - our own address
        return json.load(reply)


def _first_bar(url: str) -> Any:
    with connect(f"ws{url[4:]}/ws/BTC-USD", proxy=None) as client:
        while True:
            message = json.loads(client.recv(timeout=PATIENCE_SECONDS))
            if message["type"] == "bar" or message.get("bars"):
                return message


def test_a_demo_collects_is_read_beside_stops_in_order_and_finds_its_data_again(folder: Path) -> None:
    first = Demo(folder)
    url = first.url()
    assert _get(f"{url}/health")["status"] == "ok"
    assert _first_bar(url)["symbol"] == "BTC-USD"

    assert "BTC-USD" in {one["symbol"] for one in first.command("universe", "list")}
    bars = first.command("bars", "BTC-USD", "--limit", "100")
    assert bars
    assert _get(f"{url}/health")["status"] == "ok"  # a command that ends leaves the servers alone

    assert first.ended(signal.SIGINT) == 0
    assert processes(folder) == {}
    assert "stopped" in first.said

    second = Demo(folder)
    url = second.url()
    start = bars[0]["ts"]
    again = _get(f"{url}/stocks/BTC-USD/intraday?start={start}")["bars"]
    assert {bar["ts"] for bar in bars} <= {bar["ts"] for bar in again}
    assert second.ended(signal.SIGTERM) == 0
    assert processes(folder) == {}

    alone = second.command("bars", "BTC-USD", "--limit", "100")  # read while nothing runs
    assert alone
    assert processes(folder) == {}


def test_every_line_of_a_demo_is_a_json_object_from_the_start_to_the_stop(folder: Path) -> None:
    demo = Demo(folder, LOG_FORMAT="json")
    demo.url()
    assert demo.ended(signal.SIGINT) == 0
    lines = [json.loads(line) for line in demo.said.splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    said = "\n".join(line["event"] for line in lines)
    for words in ("starting the provider simulator", "ready: http", "simulated providers", "stopped"):
        assert words in said


@pytest.mark.parametrize(
    ("words", "code"), [(("--port", "many"), 2), (("--nonsense",), 2), (("--port", "0"), 3)], ids=str
)
def test_what_is_wrong_with_a_command_is_a_json_object(
    folder: Path, words: tuple[str, ...], code: int
) -> None:
    demo = Demo(folder, *words, LOG_FORMAT="json", LOCAL_SWEEP_TICK_SEC="never")
    assert demo.ended() == code
    (line,) = [json.loads(line) for line in demo.said.splitlines()]
    assert line["level"] == "error"
    assert line["event"].startswith("error: ")


def test_after_a_kill_the_simulator_ends_and_the_next_start_takes_over_and_stops_everything(
    folder: Path,
) -> None:
    killed = Demo(folder)
    killed.url()
    simulator = simulators(killed.process.pid)
    assert len(simulator) == 1
    killed.ended(signal.SIGKILL)
    _until(lambda: not _alive(simulator[0]), "the simulator has ended")

    again = Demo(folder)
    assert _get(f"{again.url()}/health")["database"]["ok"]
    assert again.ended(signal.SIGINT) == 0
    assert processes(folder) == {}


@pytest.mark.parametrize(
    "moment", ["starting the provider simulator", "starting PostgreSQL", "starting Valkey"]
)
def test_an_interrupt_while_it_starts_stops_what_was_started(folder: Path, moment: str) -> None:
    demo = Demo(folder)
    demo.wait_for(moment)
    assert demo.ended(signal.SIGINT) == 0
    assert processes(folder) == {}
    assert "Traceback" not in demo.said


def test_a_port_that_is_taken_is_told_before_anything_is_started(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        demo = Demo(folder, "--port", port, "--simulator-port", "0")
        assert demo.ended() == 3
        said = demo.said
        simulated = Demo(folder, "--port", "0", "--simulator-port", port)
        assert simulated.ended() == 3
    assert f"127.0.0.1:{port} cannot be had" in said
    assert "--port" in said
    assert f"--simulator-port: 127.0.0.1:{port} cannot be used" in simulated.said
    assert "Traceback" not in simulated.said
    assert not (folder / ".market-data").exists()


def test_the_simulator_of_a_demo_is_where_it_was_at_every_start(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for _ in range(2):
        demo = Demo(folder, "--port", "0", "--simulator-port", port, "--json")
        demo.url()
        assert f"simulated providers: http://127.0.0.1:{port} " in demo.said
        assert _get(f"http://127.0.0.1:{port}/sim/state")["now"] > 0
        assert demo.ended(signal.SIGINT) == 0


def test_a_second_service_on_the_same_data_is_refused_and_the_first_goes_on(folder: Path) -> None:
    first = Demo(folder)
    url = first.url()
    second = Demo(folder)
    assert second.ended() == 3
    assert "another service is running" in second.said
    health = _get(f"{url}/health")
    assert (health["redis"]["ok"], health["database"]["ok"]) == (True, True)
    assert first.ended(signal.SIGINT) == 0


def test_data_that_cannot_be_kept_are_told(folder: Path) -> None:
    (folder / ".market-data").write_text("a file where a folder should be")
    demo = Demo(folder)
    assert demo.ended() == 3
    assert "DATA_DIR" in demo.said
    assert "Traceback" not in demo.said
