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
from market_data.store import bars as bars_table
from market_data.store import quotes

UNKNOWN_SYMBOL = 4404
"""Close code: there is no such symbol here; do not come back."""
TOO_MANY = 4429
"""Close code: this replica has its fill of clients; come back later."""
TRY_AGAIN = 1013
"""Close code (RFC 6455 registry, "try again later"): a store cannot be reached; come back."""

_Socket = WebSocket[object, object, State]


@websocket("/ws/{symbol:str}")
async def follow(socket: _Socket, parts: Given, symbol: str) -> None:
    """Tell a client the state of a symbol's 1m bars, then every change, until it leaves."""
    await socket.accept()
    if parts.hub.clients >= parts.settings.ws_max_clients:
        await _refuse(
            socket, TOO_MANY, f"this replica serves {parts.settings.ws_max_clients} clients at most"
        )
        return
    try:
        instrument = await parts.find(symbol)
        with parts.hub.subscribed((instrument.symbol, Interval.M1.value)) as outbox:
            await _serve(socket, parts, instrument, outbox)
    except BadQuestion as error:
        await _refuse(socket, UNKNOWN_SYMBOL, error.detail)
    except StoreUnavailable as error:
        await _refuse(socket, TRY_AGAIN, str(error))
    except WebSocketDisconnect:
        return


async def _serve(socket: _Socket, parts: Parts, instrument: Instrument, outbox: Outbox) -> None:
    session = Session(instrument.symbol, Interval.M1.value)
    count = max(1, parts.settings.ws_replay_max_bars)
    bars = await bars_table.last(parts.database, instrument.symbol, Interval.M1, count)
    for body in session.opening(bars, await quotes.newest(parts.database, instrument.symbol)):
        await socket.send_data(body, mode="text")
    listener = asyncio.create_task(_listen(socket))
    try:
        while not listener.done():
            taker = asyncio.create_task(outbox.take())
            await asyncio.wait({taker, listener}, return_when=asyncio.FIRST_COMPLETED)
            if not taker.done():
                taker.cancel()
                break
            for body in session.live(taker.result()):
                await socket.send_data(body, mode="text")
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError, WebSocketDisconnect):
            await listener


async def _listen(socket: _Socket) -> None:
    """Read until the client leaves; nothing that it could say here means anything yet."""
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data(mode="text")


async def _refuse(socket: _Socket, code: int, why: str) -> None:
    with suppress(WebSocketDisconnect):
        await socket.send_data(msgspec.json.encode(ErrorMessage(code=str(code), detail=why)), mode="text")
        await socket.close(code=code, reason=why[:100])
