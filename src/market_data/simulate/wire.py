"""Sends answers, whole or as the faults of the wire leave them."""

import asyncio
import json
from asyncio import Event
from contextlib import suppress
from email.utils import formatdate

from aiohttp import web
from aiohttp.client_exceptions import ClientConnectionResetError

from market_data.simulate.fault import Fault, Switched
from market_data.simulate.protocol import Reply
from market_data.simulate.simulator import Answer

_MEGABYTE = b" " * 1_000_000


async def send(request: web.Request, answer: Answer, stopping: Event) -> web.StreamResponse:
    """The response to a request. A wait ends early, and the connection with it, when the simulator stops."""
    faults = answer.faults
    if Fault.LATENCY in faults and await _held(stopping, _seconds(faults[Fault.LATENCY], 1000)):
        return _hung_up(request)
    if Fault.HANG in faults:
        await _held(stopping, _seconds(faults[Fault.HANG], 1))
        return _hung_up(request)
    reply = answer.reply
    body = encode(reply)
    date = formatdate(answer.at, usegmt=True)  # by the clock of what else the answer tells
    headers = {"Content-Type": reply.content_type, "Date": date, **reply.headers}
    length = len(body)
    if Fault.LARGE_BODY in faults:
        length += int(faults[Fault.LARGE_BODY].amount or 0) * len(_MEGABYTE)
    elif not faults.keys() & {Fault.CUT_BODY, Fault.SLOW_BODY}:
        return web.Response(status=reply.status, headers=headers, body=body)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = length
    await response.prepare(request)
    with suppress(ClientConnectionResetError):  # the client has had enough of it
        if Fault.CUT_BODY in faults:
            await response.write(body[: length // 2])
            _hung_up(request)  # what was written still goes out
        elif Fault.LARGE_BODY in faults:
            await _large(response, body, length)
        elif not await _slow(response, body, _seconds(faults[Fault.SLOW_BODY], 1), stopping):
            _hung_up(request)
    return response


def encode(reply: Reply) -> bytes:
    """A body as bytes. NaN becomes the literal `NaN`, as careless servers write it."""
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, separators=(",", ":"))
    return text.encode()


def _seconds(fault: Switched, per_second: int) -> float:
    return (fault.amount or 0.0) / per_second


async def _held(stopping: Event, seconds: float) -> bool:
    """Wait, and tell whether the simulator is stopping."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True


def _hung_up(request: web.Request) -> web.Response:
    """Close the connection without a word; what is returned is for aiohttp alone and goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=503)


async def _slow(response: web.StreamResponse, body: bytes, pause: float, stopping: Event) -> bool:
    """Send a byte, wait `pause` seconds, and so on; whether all of them were sent."""
    for place in range(len(body)):
        await response.write(body[place : place + 1])
        if await _held(stopping, pause):
            return False
    return True


async def _large(response: web.StreamResponse, body: bytes, length: int) -> None:
    """Send the body, and after it blanks, as JSON allows, up to `length` bytes."""
    await response.write(body)
    for _ in range((length - len(body)) // len(_MEGABYTE)):
        await response.write(_MEGABYTE)
