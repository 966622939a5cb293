"""Sends answers, whole or as the faults of the wire leave them."""

import asyncio
import json
from asyncio import Event
from email.utils import formatdate

from aiohttp import web

from market_data.simulate.fault import Fault, Switched
from market_data.simulate.protocol import Reply
from market_data.simulate.simulator import Answer


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
    if Fault.CUT_BODY in faults:
        return await _cut(request, reply.status, headers, body)
    return web.Response(status=reply.status, headers=headers, body=body)


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


async def _cut(request: web.Request, status: int, headers: dict[str, str], body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()  # what was written still goes out
    return response
