"""What waits for one client that reads slowly: bounded; older news of a series make way for the newest."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable

from market_data.push.ring import Message
from market_data.stream import Position


class Outbox:
    """Messages that wait for one client, at most `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Message] = deque()
        self.since: Position | None = None
        """Where to ask from for what was left out: before the first message of which nothing came."""
        self.left_out = 0
        self.full = False
        """Whether even the newest message of each series is too much."""

    def put(self, message: Message) -> int:
        """Add a message; returns how many older ones were left out for it.

        A full outbox keeps the newest message of each bar; if that is not enough, of each series. Where that
        is too much as well the oldest are left out: `full` says so.
        """
        self._waiting.append(message)
        if len(self._waiting) <= self._size:
            return 0
        before = list(self._waiting)
        kept = _newest(before, lambda one: (one.series, one.bar))
        if len(kept) > self._size // 2:  # else it would be full again at once
            kept = _newest(before, lambda one: one.series)
        self.full = len(kept) >= self._size
        self._waiting = deque(kept[-self._size :])
        left_out = len(before) - len(self._waiting)
        first = min(set(before) - set(self._waiting), key=lambda one: one.position).position
        before_it = Position(first.life, first.number - 1)
        self.since = before_it if self.since is None else min(self.since, before_it)
        self.left_out += left_out
        return left_out

    def take(self) -> list[Message]:
        """All that waits, oldest first."""
        taken = list(self._waiting)
        self._waiting.clear()
        self.since, self.left_out, self.full = None, 0, False
        return taken

    def __len__(self) -> int:
        return len(self._waiting)


def _newest(messages: Iterable[Message], of: Callable[[Message], Hashable]) -> list[Message]:
    """The newest message of each kind, in their order."""
    newest = {of(one): one for one in messages}
    return sorted(newest.values(), key=lambda one: one.position)
