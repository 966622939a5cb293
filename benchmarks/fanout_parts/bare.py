"""The two bare servers, which do nothing but send."""

import asyncio
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import msgspec

from fanout_parts.processes import Child, python, running
from fanout_parts.server import Server
from fanout_parts.task import Bare, Published, Ready, Source

PACKAGE = "ws@8"
"""The newest release of the major version that is compared with."""


class BareServer:
    """A process of one of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.command = f"fanout_parts.publisher:{name}"
        self.opening = ""
        self.version = ""
        self.port = 0
        self._stack = AsyncExitStack()
        self._child: Child | None = None

    def absent(self, *, own_source: bool) -> str:  # noqa: ARG002 - it can be its own source
        """What has to be installed."""
        if self.name == "picows":
            return "" if importlib.util.find_spec("picows") else "the Python package picows is not installed"
        return " and ".join(
            f"there is no {program}" for program in ("node", "npm") if not shutil.which(program)
        )

    async def start(self, redis: Path, symbols: Sequence[str]) -> None:  # noqa: ARG002 - it serves any symbol
        task = Bare(redis=str(redis), stream=f"fanout:{self.name}")
        if self.name == "picows":
            self.version = (
                f"picows {version('picows')}, uvloop {version('uvloop')}, Python {python_version()}"
            )
            words = python("bare_picows", task)
        else:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fanout-ws-"))
            self.version = f"ws {await install(folder)}, Node {(await said('node', '--version')).lstrip('v')}"
            program = Path(__file__).with_name("bare_ws.cjs")
            words = ("node", str(program), folder, msgspec.json.encode(task).decode())
        self._child = await self._stack.enter_async_context(running(self.name, *words))
        self.port = (await self._child.answer(Ready)).port

    async def stop(self) -> None:
        await self._stack.aclose()

    @property
    def pids(self) -> Sequence[int]:
        assert self._child is not None
        return (self._child.pid,)

    async def produce(self, source: Source) -> int:
        assert self._child is not None
        await self._child.ask(source)
        return (await self._child.answer(Published)).rounds


async def install(folder: str) -> str:
    """The npm package, where it leaves no trace; its version."""
    await said("npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", PACKAGE)
    listed = await said("npm", "ls", "--prefix", folder, "--json", "--loglevel=error")
    return str(msgspec.json.decode(listed)["dependencies"]["ws"]["version"])


async def said(*words: str) -> str:
    """What a program says; RuntimeError if it fails."""
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} failed; --only leaves out servers")
    return told.decode().strip()


def bare_servers() -> list[Server]:
    """Both."""
    return [BareServer("picows"), BareServer("ws")]
