"""Fans publications out: one reader of the stream a process, one outbox a client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from market_data.events import MessagesDropped, Published, Tell
from market_data.push.outbox import Outbox
from market_data.stream import Publication, Stream

Series = tuple[str, str]
"""Symbol and interval."""


class Hub:
    """The clients of this process, by series."""

    def __init__(self, stream: Stream, outbox_size: int, tell: Tell, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._outbox_size = outbox_size
        self._tell = tell
        self._clock = clock
        self._outboxes: dict[Series, set[Outbox]] = {}
        self._position: str | None = None

    @property
    def clients(self) -> int:
        """Outboxes that are subscribed at present."""
        return sum(len(outboxes) for outboxes in self._outboxes.values())

    @contextmanager
    def subscribed(self, series: Series) -> Iterator[Outbox]:
        """An outbox that gets every publication of `series` while the block runs."""
        outbox = Outbox(self._outbox_size)
        self._outboxes.setdefault(series, set()).add(outbox)
        try:
            yield outbox
        finally:
            left = self._outboxes[series]
            left.discard(outbox)
            if not left:
                del self._outboxes[series]

    async def run(self) -> None:
        """Hand on what is published, until cancelled; StoreUnavailable when Redis cannot be reached.

        Run again after that, it goes on where it was: clients who stayed miss nothing that is still kept.
        """
        if self._position is None:
            self._position = await self._stream.newest()
        async for publication in self._stream.tail(self._position):
            self._position = publication.position
            self.hand_on(publication)

    def hand_on(self, publication: Publication) -> None:
        """Put one publication into the outboxes of its series."""
        outboxes = self._outboxes.get((publication.symbol, publication.interval), ())
        dropped = sum(outbox.put(publication) for outbox in outboxes)
        if dropped:
            self._tell(MessagesDropped(dropped))
        # an entry's id begins with Redis's time in ms
        written_at = int(publication.position.partition("-")[0])
        self._tell(Published(len(outboxes), max(0.0, self._clock() * 1000 - written_at)))
