"""The servers that come with the service: found again, taken over, shared, and gone when the last user is."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from market_data.errors import BadConfig
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

PATIENCE_SECONDS = 60.0
"""How long a process may take to say that its server runs."""
SOURCES = Path(__file__).parents[2] / "src"
OWNER = """
import sys
from pathlib import Path
from market_data.store import embedded
with getattr(embedded, sys.argv[1])(Path(sys.argv[2])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(servers_folder: Path) -> Iterator[Path]:
    """An empty folder with a short name; a server that still runs in it when the test ends is a failure."""
    path = Path(tempfile.mkdtemp(dir=servers_folder, prefix="e"))
    yield path
    left = _servers(path)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == []


def _servers(folder: Path) -> list[int]:
    """The pids of the PostgreSQL and Valkey that run in or below a folder."""
    words = [shutil.which("ps") or "ps", "-axwwo", "pid=,command="]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    running = [line.split(maxsplit=2) for line in listed.splitlines()]
    return [
        int(pid)
        for pid, program, *rest in running
        if Path(program).name.startswith(("postgres", "valkey")) and any(str(folder) in one for one in rest)
    ]


@contextmanager
def _starting(server: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that starts a server and has it until its standard input ends or it is killed."""
    words = [sys.executable, "-c", OWNER, server, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _owner(server: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The same, once the server runs."""
    with _starting(server, folder) as process:
        _await(process)
        yield process


def _await(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline()


def _killed(server: str, folder: Path) -> None:
    """Let a process start a server, and kill it."""
    with _owner(server, folder) as owner:
        owner.send_signal(signal.SIGKILL)
        assert owner.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def _sql(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def _remember(url: str) -> None:
    if url.startswith("unix"):
        with Redis.from_url(url) as client:
            client.set("told", "once")
    else:
        _sql(url, "CREATE TABLE told AS SELECT 'once' AS what")


def _remembered(url: str) -> object:
    if url.startswith("unix"):
        with Redis.from_url(url, decode_responses=True) as client:
            return client.get("told")
    return _sql(url, "SELECT what FROM told")


Kind = type[EmbeddedPostgres] | type[EmbeddedValkey]
both = pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])


@both
def test_the_second_start_finds_the_data(folder: Path, kind: Kind) -> None:
    with kind(folder / "data") as server:
        _remember(server.url)
    assert _servers(folder) == []
    with kind(folder / "data") as server:
        assert _remembered(server.url) == "once"
    assert _servers(folder) == []


@both
def test_a_server_is_stopped_when_its_block_fails(folder: Path, kind: Kind) -> None:
    with pytest.raises(ZeroDivisionError), kind(folder / "data"):
        raise ZeroDivisionError
    assert _servers(folder) == []


@both
def test_a_server_whose_owner_was_killed_is_taken_over_and_stopped_in_the_end(
    folder: Path, kind: Kind
) -> None:
    with _owner(kind.__name__, folder / "data") as owner:
        with _reached(kind, folder / "data") as url:
            _remember(url)
        owner.kill()
        owner.wait(PATIENCE_SECONDS)
    assert len(_servers(folder)) == 1
    with kind(folder / "data") as server:
        assert _remembered(server.url) == "once"
        assert len(_servers(folder)) == 1
    assert _servers(folder) == []


@contextmanager
def _reached(kind: Kind, folder: Path) -> Iterator[str]:
    """The URL of a server that somebody else runs. A second Valkey would end the first."""
    if kind is EmbeddedValkey:
        yield EmbeddedValkey(folder).url
    else:
        with EmbeddedPostgres(folder) as server:
            yield server.url


def test_a_postgres_is_stopped_by_the_last_of_those_who_share_it(folder: Path) -> None:
    with _owner("EmbeddedPostgres", folder / "data") as other:
        with EmbeddedPostgres(folder / "data") as server:
            _remember(server.url)
        with EmbeddedPostgres(folder / "data") as server:
            assert _remembered(server.url) == "once"
            other.communicate(timeout=PATIENCE_SECONDS)
            assert _remembered(server.url) == "once"
    assert _servers(folder) == []


def test_a_postgres_that_another_one_stopped_is_started_again(folder: Path) -> None:
    with _owner("EmbeddedPostgres", folder / "data") as other:
        with EmbeddedPostgres(folder / "data") as server:
            _remember(server.url)
        other.communicate(timeout=PATIENCE_SECONDS)
    assert _servers(folder) == []
    with EmbeddedPostgres(folder / "data") as server:
        assert _remembered(server.url) == "once"
    assert _servers(folder) == []


def test_two_processes_that_start_at_once_share_one_postgres(folder: Path) -> None:
    with (
        _starting("EmbeddedPostgres", folder / "data") as one,
        _starting("EmbeddedPostgres", folder / "data") as other,
    ):
        _await(one)
        _await(other)
        assert len(_servers(folder)) == 1
        one.communicate(timeout=PATIENCE_SECONDS)
        assert len(_servers(folder)) == 1
        other.communicate(timeout=PATIENCE_SECONDS)
    assert _servers(folder) == []


def test_two_users_in_one_process_share_a_postgres(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data") as outer:
        with EmbeddedPostgres(folder / "data") as inner:
            _remember(inner.url)
        assert _remembered(outer.url) == "once"
    assert _servers(folder) == []


def test_a_user_who_was_killed_while_another_went_on_is_not_waited_for(folder: Path) -> None:
    with EmbeddedPostgres(folder / "data") as server:
        _killed("EmbeddedPostgres", folder / "data")
        assert _sql(server.url, "SELECT 1") == 1
    assert _servers(folder) == []


@both
def test_a_number_that_now_belongs_to_another_process_is_not_taken_for_the_server(
    folder: Path, kind: Kind
) -> None:
    note = folder / "data" / ("valkey.pid" if kind is EmbeddedValkey else "postmaster.pid")
    with kind(folder / "data") as server:
        _remember(server.url)
        was = note.read_text()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as innocent:
        note.write_text(was.replace(was.split()[0], str(innocent.pid), 1))  # as after the power was cut
        with kind(folder / "data") as again:
            assert _remembered(again.url) == "once"
        assert innocent.poll() is None
        innocent.communicate(b"end\n")
    assert _servers(folder) == []


@both
@pytest.mark.parametrize("name", ["x" * 120, "é", "with.dots"])
def test_any_plain_path_works_however_long(folder: Path, kind: Kind, name: str) -> None:
    with kind(folder / name / "data") as server:
        _remember(server.url)
        assert _remembered(server.url) == "once"
    assert _servers(folder) == []


def test_valkey_runs_in_a_folder_with_blanks(folder: Path) -> None:
    with EmbeddedValkey(folder / "my own data") as server:
        _remember(server.url)
    with EmbeddedValkey(folder / "my own data") as server:
        assert _remembered(server.url) == "once"


@pytest.mark.parametrize("name", ["my own data", "it's", "$(touch hacked)", "a;b"])
def test_a_path_that_postgres_cannot_have_is_a_bad_setting(folder: Path, name: str) -> None:
    with pytest.raises(BadConfig, match="DATA_DIR: ") as caught:
        EmbeddedPostgres(folder / name).__enter__()
    assert "set DATABASE_URL" in str(caught.value)
    assert list(folder.iterdir()) == []
