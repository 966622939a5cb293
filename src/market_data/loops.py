"""Owns every task of the service: loops kept up, helpers that end with their loop, cleanup in order."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Generic, TypeVar

from market_data.errors import MarketDataError
from market_data.events import LoopFailed, Tell

PAUSE_SECONDS = 2.0
"""How long a loop that failed waits before it starts again."""
END_SECONDS = 25.0
"""How long loops may take to end: the longest that one of them waits for its jobs, and hands them back."""
STEP_SECONDS = 5.0
"""How long one step of a cleanup may take; then the next one runs."""
REASONS_NAMED = 3
"""Errors of a group that are named; of the others it is said how many there are."""

Loop = Callable[[], Coroutine[None, None, None]]
Step = Callable[[], Awaitable[object]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class Loops:
    """Loops by name: those that find and do `work`, and those that serve what is there."""

    def __init__(self, work: Mapping[str, Loop], serve: Mapping[str, Loop], tell: Tell) -> None:
        self._work = dict(work)
        self._serve = dict(serve)
        self._tell = tell
        self._working: list[asyncio.Task[None]] = []
        self._serving: list[asyncio.Task[None]] = []
        self.stopping = False
        """Whether no new work is begun: nothing should be sent here any more."""

    def start(self) -> None:
        """Start all of them."""
        self._serving = [self._started(name, loop) for name, loop in self._serve.items()]
        self._working = [self._started(name, loop) for name, loop in self._work.items()]

    async def finish_work(self) -> None:
        """Begin no new work, end what runs within END_SECONDS. Raises nothing: errors are reported."""
        self.stopping = True
        await self._stopped(self._working)

    async def stop(self) -> None:
        """End all of them, each kind within END_SECONDS. Raises nothing: errors are reported."""
        await self.finish_work()
        await self._stopped(self._serving)

    def _started(self, name: str, loop: Loop) -> asyncio.Task[None]:
        return asyncio.create_task(self._kept_up(name, loop), name=name)

    async def _kept_up(self, name: str, loop: Loop) -> None:
        """Run a loop for ever: an error ends it, is told, and after a pause it starts again."""
        while True:
            try:
                await loop()
            except Exception as error:  # noqa: BLE001 - a bug in one unit of work must not end collection
                self._tell(failed(name, error))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS)
        for task in tasks:
            error = _error(task)
            if not task.done():
                error = TimeoutError(f"did not end within {END_SECONDS:g} s")
            if error is not None:
                self._tell(failed(task.get_name(), error))


class Tasks(Generic[Item]):
    """Tasks under way, each for an item. The error of one is reported under `name`; the others go on."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        self._items: dict[asyncio.Task[Any], Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    @property
    def items(self) -> list[Item]:
        """What is under way, oldest first."""
        return list(self._items.values())

    def start(self, work: Coroutine[Any, Any, object], item: Item) -> asyncio.Task[object]:
        """Do `work` for `item`."""
        task = asyncio.create_task(work, name=self._name)
        self._items[task] = item
        task.add_done_callback(self._ended)
        return task

    def cancel(self, which: Callable[[Item], bool]) -> None:
        """Cancel the tasks of these items."""
        for task, item in list(self._items.items()):
            if which(item):
                task.cancel()

    async def wait_for_one(self) -> None:
        """Wait until any of them ends."""
        if self._items:
            await asyncio.wait(self._items, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, seconds: float) -> list[Item]:
        """Let them end within `seconds`, and cancel those that do not; returns the items of these.

        A cancelled one has STEP_SECONDS to end.
        """
        if not self._items:
            return []
        _, late = await asyncio.wait(self._items, timeout=seconds)
        left = [self._items[task] for task in late]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=STEP_SECONDS)
        return left

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._items.pop(task, None)
        error = _error(task)
        if error is not None:
            self._tell(failed(self._name, error))


_shared: set[asyncio.Task[Any]] = set()


def shared(work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """A task for those who await it: they get its result or its error, and it outlives any one of them."""
    task = asyncio.create_task(work)
    _shared.add(task)
    task.add_done_callback(_shared.discard)
    task.add_done_callback(_error)  # looked at, even where nobody awaits it any more
    return task


SWITCH_SECONDS = 0.0005
"""How long the thread of `beside` keeps the interpreter's lock once the event loop wants it: Python's usual
5 ms would be paid several times in a turn that reads, computes and writes."""

_beside = ThreadPoolExecutor(1, "beside", partial(sys.setswitchinterval, SWITCH_SECONDS))


async def beside(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises; it computes in a thread, so that the event loop is not held.

    One such thread computes at a time: several would take turns with the loop, each for some milliseconds.
    `work` must touch nothing that the loop changes meanwhile.
    """
    return await asyncio.get_running_loop().run_in_executor(_beside, work)


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that raises the first error itself, not a group of it, once all of its tasks have ended.

    Where several failed, one that no caller expects is raised rather than one of errors.py.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        found = _innermost(several)
        raise next(
            (error for error in found if not isinstance(error, MarketDataError)), found[0]
        ) from several


@asynccontextmanager
async def helped(*helpers: Loop) -> AsyncIterator[None]:
    """Run endless helpers beside the block. One that dies ends the block, which raises its error.

    They are alive until the block has ended, so that its cleanup still has their help.
    """
    async with task_group() as group:
        tasks = [group.create_task(_endless(helper)) for helper in helpers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def each(steps: Iterable[tuple[str, Step]], tell: Tell, *, longest: float = STEP_SECONDS) -> None:
    """Run the steps of a cleanup in order, each whatever became of those before it. Raises nothing.

    A step has `longest` seconds; what goes wrong is reported under its name.
    """
    for name, step in steps:
        try:
            async with asyncio.timeout(longest):
                await step()
        except TimeoutError:
            tell(failed(name, TimeoutError(f"did not end within {longest:g} s")))
        except Exception as error:  # noqa: BLE001 - the other steps must run
            tell(failed(name, error))


def failed(loop: str, error: BaseException) -> LoopFailed:
    """The event of an error, with the innermost errors of groups named."""
    found = _innermost(error)
    named = [_reason(innermost) for innermost in found[:REASONS_NAMED]]
    more = [f"and {len(found) - REASONS_NAMED} more"] if len(found) > REASONS_NAMED else []
    is_bug = any(not isinstance(innermost, MarketDataError) for innermost in found)
    return LoopFailed(loop, "; ".join([*named, *more]), type(found[0]).__name__, error if is_bug else None)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, MarketDataError) else f"{type(error).__name__}: {error}"


def _innermost(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for member in error.exceptions for leaf in _innermost(member)]


def _error(task: asyncio.Task[Any]) -> BaseException | None:
    """How a task has failed; None if it has not, or not yet."""
    return task.exception() if task.done() and not task.cancelled() else None


async def _endless(helper: Loop) -> None:
    await helper()
    raise RuntimeError("a helper has ended, which it never should")
