"""One client of the stream: what it asks for, what it follows, what waits for it. It knows no socket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from market_data.errors import BadQuestion, StoreUnavailable
from market_data.events import MessagesDropped, Tell
from market_data.loops import failed
from market_data.market.instrument import Instrument
from market_data.market.spelling import spellings
from market_data.push import frame, session
from market_data.push.hub import Hub
from market_data.push.outbox import Outbox
from market_data.push.quotes import EVERYTHING, Quotes
from market_data.push.ring import Message
from market_data.push.session import Close, Command, Subscribe, Subscribed, Unsubscribe, Unsubscribed
from market_data.store.quotes import KnownQuote
from market_data.stream import Position, Series

COMMANDS_WAITING = 32
"""Messages of a client that may wait to be obeyed; one that says more is told to come back later."""
COMMANDS_PER_SECOND = 10.0
"""How fast they may come in the long run."""
SLOW_SECONDS = 30.0
"""How long a client may take none of what waits for it."""
IDLE_SECONDS = 60.0
"""How long a client may follow nothing."""
SILENT_SECONDS = 60.0
"""How long a client may leave pings unanswered."""


class Wire(Protocol):
    """The connection to a client."""

    def write(self, frames: bytes) -> None:
        """Send whole frames; never waits."""

    def ping(self) -> None:
        """Ask for a sign of life, where the protocol can."""

    def close(self, code: Close, reason: str) -> None:
        """Send what has been written, then say goodbye."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What clients are served from."""

    hub: Hub
    quotes: Quotes
    find: Callable[[str], Awaitable[Instrument]]
    """The instrument of a symbol; BadQuestion if there is none."""
    quote: Callable[[str], Awaitable[KnownQuote | None]]
    """The newest quote of a symbol."""
    tell: Tell
    outbox_size: int
    most_symbols: int
    now: Callable[[], float]
    """Seconds on a clock that only goes forward."""


class Client:
    """A follower of the hub at the other end of a wire."""

    def __init__(self, desk: Desk, wire: Wire) -> None:
        self._desk = desk
        self._hub = desk.hub
        self._wire = wire
        self._write = wire.write
        self._outbox = Outbox(desk.outbox_size)
        self._commands: deque[Command] = deque()
        self._allowance = float(COMMANDS_WAITING)
        self._asked = asyncio.Event()
        self._flows = asyncio.Event()
        self._flows.set()
        self.flowing = True
        self._opening = False
        self._lost = False
        self._closed = False
        self._series: set[Series] = set()
        self._all: set[str] = set()
        self._quoted: set[str] = set()
        self._heard = self._idle_since = self._allowed_at = self._paused_at = desk.now()

    # ---- what the hub does

    def deliver(self, messages: Sequence[Message], frames: bytes) -> None:
        """Send messages, or keep them until the wire takes more."""
        if self._closed:
            return  # while these were being handed out
        if self.flowing:
            self._write(frames)
        else:
            self._hold(messages)

    def quote(self, told: bytes) -> None:
        """Send a quote, unless the wire is busy: then it is dropped, for the next one overtakes it."""
        if self.flowing and not self._closed:
            self._write(told)
        else:
            self._desk.tell(MessagesDropped(1))

    def lost(self) -> None:
        """The stream has begun anew: open all again."""
        self._lost = True
        self._asked.set()

    def beat(self, heartbeat: bytes) -> None:
        """Send a sign of life, ask for one, and close on who is slow, silent or idle."""
        now = self._desk.now()
        if not self.flowing and now - self._paused_at > SLOW_SECONDS:
            self.close(Close.SLOW, "slow: come back, with the last position as since")
        elif now - self._heard > SILENT_SECONDS:
            self.close(Close.IDLE, "no ping was answered: come back")
        elif (
            not self._series and not self._all and now - self._idle_since > IDLE_SECONDS and not self._opening
        ):
            self.close(
                Close.IDLE, f"nothing was subscribed for {IDLE_SECONDS:.0f} s: come back to follow something"
            )
        elif self.flowing and not self._opening and not self._lost:
            self._write(heartbeat)
            self._wire.ping()

    # ---- what the wire does

    def heard(self) -> None:
        """Anything at all came from the client."""
        self._heard = self._desk.now()

    def pause(self) -> None:
        """The wire takes no more for now."""
        self.flowing = False
        self._flows.clear()
        self._paused_at = self._desk.now()

    def resume(self) -> None:
        """The wire takes more."""
        self.flowing = True
        self._flush()
        if self.flowing:
            self._flows.set()

    def say(self, text: bytes) -> None:
        """A message of the client."""
        now = self._desk.now()
        earned = (now - self._allowed_at) * COMMANDS_PER_SECOND
        self._allowance, self._allowed_at = min(self._allowance + earned, COMMANDS_WAITING), now
        if self._allowance < 1 or len(self._commands) >= COMMANDS_WAITING:
            self.close(
                Close.TOO_MANY, f"{COMMANDS_PER_SECOND:.0f} messages a second at most: come back later"
            )
            return
        self._allowance -= 1
        try:
            self._commands.append(session.read(text))
        except ValueError as error:
            self._refuse(Close.BAD_QUESTION, str(error))
        self._asked.set()

    def gone(self) -> None:
        """The connection has ended."""
        self._closed = True
        if len(self._outbox):
            self._desk.tell(MessagesDropped(len(self._outbox.take())))
        self._leave_all()
        self._hub.clients.discard(self)

    def close(self, code: Close, reason: str) -> None:
        """End the connection from here: what waits goes out first, if the client reads it."""
        if self._closed:
            return
        self._leave_all()
        self._hub.clients.discard(self)
        if self.flowing:
            self._flush()
        self._closed = True
        if code >= 4000 or code == Close.TRY_AGAIN:
            self._write(frame.text(_error(code, reason)))
        self._wire.close(code, reason)

    # ---- what the client asks for

    async def run(self, first: Subscribe | None) -> None:
        """Obey the client until the connection ends or this is cancelled.

        `first` is what it has asked for by connecting: if that cannot be had, the connection ends.
        """
        self._hub.clients.add(self)
        try:
            if first is not None:
                await self._obey(first, refuse=self.close, acknowledge=False)
            while not self._closed:
                await self._asked.wait()
                self._asked.clear()
                if self._lost:
                    await self._reopen()
                while self._commands and not self._closed:
                    await self._obey(self._commands.popleft(), refuse=self._refuse)
        except StoreUnavailable as error:
            self.close(Close.TRY_AGAIN, str(error))
        except Exception as error:  # noqa: BLE001 - a bug: the client must not go on as if nothing were wrong
            self._desk.tell(failed("client", error))
            self.close(Close.TRY_AGAIN, "it failed here: come back")

    async def _obey(
        self, command: Command, refuse: Callable[[Close, str], None], *, acknowledge: bool = True
    ) -> None:
        self._opening = True
        try:
            interval = session.interval_of(command.interval)
            if isinstance(command, Unsubscribe):
                self._unsubscribe(command.symbols, interval)
            else:
                await self._subscribe(command, interval)
                if acknowledge:
                    self._acknowledge(command.symbols, interval)
        except ValueError as error:
            refuse(Close.BAD_QUESTION, str(error))
        except BadQuestion as error:
            refuse(Close.UNKNOWN_SYMBOL, error.detail)
        finally:
            self._opening = False

    async def _subscribe(self, command: Subscribe, interval: str) -> None:
        since = None if command.since is None else Position.read(command.since)
        symbols = await self._found(command.symbols)
        new = {one for one in symbols if Series(one, interval) not in self._series}
        if len(self._series) + len(new) > self._desk.most_symbols:
            raise ValueError(f"{self._desk.most_symbols} symbols a client at most: take * to follow all")
        recovered = None if since is None else await self._caught_up(symbols, interval, since)
        if not recovered:
            await self._open(symbols, interval, recovered=recovered)
        if command.quotes and not self._closed:
            self._quoted.update(symbols)
            for one in symbols:
                self._desk.quotes.follow(one, self)

    async def _found(self, symbols: Sequence[str]) -> list[str]:
        """The symbols as they are spelled here, each once; BadQuestion if one is not of the universe."""
        if EVERYTHING in symbols:
            return [EVERYTHING]
        return list(dict.fromkeys([(await self._desk.find(one)).symbol for one in symbols]))

    async def _caught_up(self, symbols: list[str], interval: str, since: Position) -> bool:
        """Tell what came after `since`, then follow; whether that could be done."""
        everything = symbols == [EVERYTHING]
        symbol = symbols[0] if len(symbols) == 1 else EVERYTHING
        while True:
            await self._flows.wait()
            messages = await self._hub.missed(since, interval, None if everything else symbols)
            if messages is None:
                return False
            more = len(messages) > session.REPLAY_BARS
            piece = messages[: session.REPLAY_BARS]
            through = piece[-1].position if more else self._hub.position
            self._send([session.missed(symbol, interval, piece, since, through, more=more)])
            if not more:
                self._follow(symbols, interval)
                return True
            since = through

    async def _open(self, symbols: list[str], interval: str, *, recovered: bool | None) -> None:
        """Tell how each series stands, and follow it from there."""
        if symbols == [EVERYTHING]:
            await self._hub.missed(self._hub.position, interval, [])  # the stream is read
            self._follow(symbols, interval)
            return
        for symbol in symbols:
            await self._flows.wait()
            series = Series(symbol, interval)
            quote = await self._desk.quote(symbol)
            bodies = await self._hub.state(series)
            self._send(session.opening(series, bodies, quote, self._hub.position, recovered=recovered))
            self._follow([symbol], interval)

    def _acknowledge(self, symbols: Sequence[str], interval: str) -> None:
        told = Subscribed(symbols=list(symbols), interval=interval, position=str(self._hub.position))
        self._send([session.encode(told)])

    async def _reopen(self) -> None:
        """Open again what was followed when the stream began anew."""
        self._lost, self._opening = False, True
        followed = [*((one.symbol, one.interval) for one in self._series)]
        followed += [(EVERYTHING, interval) for interval in self._all]
        try:
            for symbol, interval in followed:
                await self._open([symbol], interval, recovered=False)
            for interval in self._all:
                self._acknowledge([EVERYTHING], interval)
        finally:
            self._opening = False

    def _follow(self, symbols: Sequence[str], interval: str) -> None:
        if self._closed:
            return
        if EVERYTHING in symbols:
            for series in [one for one in self._series if one.interval == interval]:
                self._hub.leave(series, self)
            self._all.add(interval)
            self._hub.follow_all(interval, self)
            return
        for symbol in symbols:
            series = Series(symbol, interval)
            self._series.add(series)
            if interval not in self._all:
                self._hub.follow(series, self)

    def _unsubscribe(self, symbols: Sequence[str], interval: str) -> None:
        for symbol in symbols:
            if symbol == EVERYTHING:
                self._all.discard(interval)
                self._hub.leave_all(interval, self)
                for series in [one for one in self._series if one.interval == interval]:
                    self._series.discard(series)
            for name in spellings(symbol.strip().upper()):
                series = Series(name, interval)
                self._series.discard(series)
                self._hub.leave(series, self)
                self._desk.quotes.leave(name, self)
                self._quoted.discard(name)
        self._idle_since = self._desk.now()
        self._send([session.encode(Unsubscribed(symbols=list(symbols), interval=interval))])

    def _leave_all(self) -> None:
        for series in self._series:
            self._hub.leave(series, self)
        for interval in self._all:
            self._hub.leave_all(interval, self)
        for symbol in self._quoted:
            self._desk.quotes.leave(symbol, self)

    # ---- what waits

    def _send(self, payloads: Sequence[bytes]) -> None:
        """Send messages behind all that waits: positions only go forward."""
        if self._closed:
            return
        self._flush()
        for payload in payloads:
            self._write(frame.text(payload))

    def _flush(self) -> None:
        """Write all that waits."""
        since, left_out = self._outbox.since, self._outbox.left_out
        if since is not None:
            told = session.Conflated(since=str(since), left_out=left_out)
            self._write(frame.text(session.encode(told)))
        for message in self._outbox.take():
            self._write(message.frame)

    def _hold(self, messages: Sequence[Message]) -> None:
        dropped = sum(map(self._outbox.put, messages))
        if dropped:
            self._desk.tell(MessagesDropped(dropped))
        if self._outbox.full:
            self.close(Close.SLOW, "slow: come back, with the last position as since")

    def _refuse(self, code: Close, why: str) -> None:
        self._send([_error(code, why)])


def _error(code: Close, why: str) -> bytes:
    return session.encode(session.ErrorMessage(code=str(int(code)), detail=why))
