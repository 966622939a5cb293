"""What one replica may ask by itself while the shared budgets cannot be reached; pure: the time is given."""

from collections.abc import Iterator, Sequence

from market_data.provider import Limit

NEVER = 3600.0
"""Seconds to wait, where a plan has fewer calls than there are replicas."""


class Share:
    """One provider's calls of this replica, and its share of the plan once it is alone.

    At the moment at which the shared budgets are lost, this replica has made `own` of a limit's calls within
    its window and the others the rest, whatever they are: together no more than the limit. If from then on
    nobody has more in any window than it had at that moment, nor more than an equal part of the limit, then
    all together have no more than the limit; and when the window is over, an equal part is enough. Times are
    seconds of one clock that nobody sets.
    """

    def __init__(self) -> None:
        self._calls: dict[str, float] = {}  # by member, the latest moment at which it may have come
        self._since: float | None = None
        self._own: tuple[int, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it keeps to its share."""
        return self._since is not None

    @property
    def calls(self) -> dict[str, float]:
        """The calls that count, by member with the latest moment at which each may have come."""
        return self._calls

    def note(self, member: str, now: float, hold: float, limits: Sequence[Limit]) -> None:
        """A call is made now that may come as late as in `hold` seconds."""
        self._calls[member] = now + hold
        self._forget(now, limits)

    def settle(self, member: str, at: float) -> None:
        """A call was over at `at`."""
        if member in self._calls:
            self._calls[member] = at

    def begin(self, now: float, limits: Sequence[Limit]) -> None:
        """The shared budgets are lost; nothing changes if they were lost before."""
        if self._since is None:
            self._since = now
            self._own = tuple(sum(1 for _ in self._within(limit, now)) for limit in limits)

    def end(self) -> None:
        """The shared budgets are there, and know of all that was called."""
        self._since = None

    def wait(self, now: float, limits: Sequence[Limit], replicas: int) -> float:
        """Seconds until one more call may be made; 0: it may be made now."""
        assert self._since is not None  # noqa: S101 - begin came first
        longest = 0.0
        for limit, own in zip(limits, self._own, strict=True):
            equal = limit.calls // replicas
            settles = self._since + limit.seconds
            allowed = min(equal, own) if now < settles else equal
            within = sorted(self._within(limit, now))
            if len(within) < allowed:
                continue
            room = within[len(within) - allowed] + limit.seconds - now if allowed else NEVER
            if equal:
                room = min(room, max(settles - now, 0.0) or room)
            longest = max(longest, room, 0.001)
        return longest

    def _within(self, limit: Limit, now: float) -> Iterator[float]:
        return (at for at in self._calls.values() if at > now - limit.seconds)

    def _forget(self, now: float, limits: Sequence[Limit]) -> None:
        """Drop what no window holds any more; nearly in order, so the first that counts ends it."""
        oldest = now - max((limit.seconds for limit in limits), default=0)
        while (first := next(iter(self._calls), None)) is not None and self._calls[first] < oldest:
            del self._calls[first]
