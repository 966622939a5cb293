"""Does together what is wanted within a moment: one call for many, each of which gets its own result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from market_data.loops import shared

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Collects items for `seconds`, then hands up to `most` of them to `do`, in the order in which they came.

    What comes while `do` is under way is handed on when it is over: the more is wanted, the more at once. An
    error of `do` is that of all of its items. Results are as many as items, in their order.
    """

    def __init__(
        self, do: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, most: int, seconds: float = 0.0
    ) -> None:
        self._do = do
        self._seconds = seconds
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._handing: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """The result of one item; raises what `do` raised."""
        wanted: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, wanted))
        if self._handing is None:
            self._handing = shared(self._hand_on())
        return await wanted

    async def _hand_on(self) -> None:
        try:
            await asyncio.sleep(self._seconds)
            while self._waiting:
                some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._done([one for one in some if not one[1].done()])
        finally:
            self._handing = None

    async def _done(self, some: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not some:
            return
        try:
            results = await self._do([item for item, _ in some])
            for (_, wanted), result in zip(some, results, strict=True):
                if not wanted.done():
                    wanted.set_result(result)
        except Exception as error:  # noqa: BLE001 - it is raised where each was wanted
            for _, wanted in some:
                if not wanted.done():
                    wanted.set_exception(error)
