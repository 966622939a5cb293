"""The newest publications, kept at hand so that whoever comes back is told exactly what was missed."""

from collections import deque
from collections.abc import Collection
from itertools import takewhile
from typing import Self

import msgspec

from market_data.push import frame
from market_data.stream import START, Position, Publication, Series


class Message(msgspec.Struct, frozen=True, gc=False):
    """A publication as clients get it: `frame` is its one encoding, for whoever is subscribed.

    Without `gc`, as Position.
    """

    position: Position
    series: Series
    bar: str  # which bar of the series
    frame: bytes

    @classmethod
    def of(cls, publication: Publication) -> Self:
        """The message of a publication; its JSON is that of the publication, and its position."""
        position = publication.position
        told = b'%b,"position":"%d-%d"}' % (publication.body[:-1], position.life, position.number)
        return cls(position, publication.series, publication.bar, frame.text(told))

    @property
    def payload(self) -> bytes:
        """Its JSON."""
        return next(frame.payloads(self.frame))


class Ring:
    """At most `most` messages of one life of the stream, the newest, without a hole between them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._messages: deque[Message] = deque()
        self._by_series: dict[Series, deque[Message]] = {}
        self.position = START
        """That of the newest message."""
        self._before = START  # everything after it is kept

    def __len__(self) -> int:
        return len(self._messages)

    def follows(self, position: Position) -> bool:
        """Whether a publication is the next one: nothing was missed in between."""
        if self.position == START:  # nothing was there when we looked
            return position.number == 1
        return position == Position(self.position.life, self.position.number + 1)

    def begin(self, before: Position) -> None:
        """Forget all; the next message is the first one after `before`."""
        self._messages.clear()
        self._by_series.clear()
        self.position = self._before = before

    def add(self, message: Message) -> None:
        """Add the next message; the oldest makes room for it."""
        if self.position == START:
            self._before = Position(message.position.life, 0)
        self.position = message.position
        self._messages.append(message)
        self._by_series.setdefault(message.series, deque()).append(message)
        if len(self._messages) > self._most:
            self._forget(self._messages.popleft())

    def knows(self, position: Position) -> bool:
        """Whether all that came after `position` is kept."""
        return position.life == self.position.life and self._before <= position <= self.position

    def since(self, position: Position, interval: str, symbols: Collection[str] | None) -> list[Message]:
        """What came after a position that it `knows`, oldest first: of some symbols, or of all (None)."""
        if symbols is None:
            newer = takewhile(lambda one: one.position > position, reversed(self._messages))
            return [one for one in newer if one.series.interval == interval][::-1]
        found: list[Message] = []
        for symbol in symbols:
            kept = self._by_series.get(Series(symbol, interval), deque())
            found += takewhile(lambda one: one.position > position, reversed(kept))
        return sorted(found, key=lambda one: one.position)

    def _forget(self, message: Message) -> None:
        self._before = message.position
        of_series = self._by_series[message.series]
        of_series.popleft()
        if not of_series:
            del self._by_series[message.series]
