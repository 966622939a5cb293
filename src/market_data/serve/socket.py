"""/ws/{symbol}: a snapshot, the last bars, then every bar as it is written."""

import asyncio
from contextlib import suppress

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.exceptions import WebSocketDisconnect

from market_data.errors import BadQuestion, StoreUnavailable
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.push.outbox import Outbox
from market_data.push.session import ErrorMessage, Session
from market_data.serve.parts import Given, Parts
from market_data.serve.question import Symbol
from market_data.store import bars as bars_table
from market_data.store import quotes

UNKNOWN_SYMBOL = 4404
"""Close code: there is no such symbol here; do not come back."""
TOO_MANY = 4429
"""Close code: this replica has its fill of clients; come back later."""
TRY_AGAIN = 1013
"""Close code (RFC 6455 registry, "try again later"): a store cannot be reached; come back."""
LONGEST_REASON = 123
"""Bytes of a close frame's reason (RFC 6455 section 5.5)."""

_Socket = WebSocket[object, object, State]


@websocket("/ws/{symbol:str}")
async def follow(socket: _Socket, parts: Given, symbol: Symbol) -> None:
    """Tell a client the state of a symbol's 1m bars, then every change, until it leaves."""
    await socket.accept()
    try:
        instrument = await parts.find(symbol)
        most = parts.settings.ws_max_clients
        if parts.hub.clients >= most:
            await _refuse(socket, TOO_MANY, f"this replica serves {most} clients at most: come back later")
            return
        with parts.hub.subscribed((instrument.symbol, Interval.M1.value)) as outbox:
            await _serve(socket, parts, instrument, outbox)
    except BadQuestion as error:
        await _refuse(socket, UNKNOWN_SYMBOL, error.detail)
    except StoreUnavailable as error:
        await _refuse(socket, TRY_AGAIN, str(error))
    except WebSocketDisconnect:
        return


async def _serve(socket: _Socket, parts: Parts, instrument: Instrument, outbox: Outbox) -> None:
    """Tell until the client leaves; whichever of telling and listening ends first ends both."""
    telling = asyncio.create_task(_tell(socket, parts, instrument, outbox))
    listening = asyncio.create_task(_listen(socket))
    try:
        await asyncio.wait({telling, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        telling.cancel()
        await asyncio.wait({telling, listening})
    with suppress(asyncio.CancelledError):
        telling.result()


async def _tell(socket: _Socket, parts: Parts, instrument: Instrument, outbox: Outbox) -> None:
    """Send the opening, then what comes into the outbox; a client that reads slowly holds up only itself."""
    session = Session(instrument.symbol, Interval.M1.value)
    count = max(1, parts.settings.ws_replay_max_bars)
    bars = await bars_table.last(parts.database, instrument.symbol, Interval.M1, count)
    quote = await quotes.newest(parts.database, instrument.symbol)
    for body in session.opening(bars, quote):
        await socket.send_data(body, mode="text")
    while True:
        for body in session.live(await outbox.take()):
            await socket.send_data(body, mode="text")


async def _listen(socket: _Socket) -> None:
    """Read until the client leaves; nothing that it could say here means anything yet."""
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data(mode="text")


async def _refuse(socket: _Socket, code: int, why: str) -> None:
    reason = why.encode()[:LONGEST_REASON].decode(errors="ignore")
    with suppress(WebSocketDisconnect):
        await socket.send_data(msgspec.json.encode(ErrorMessage(code=str(code), detail=why)), mode="text")
        await socket.close(code=code, reason=reason)
