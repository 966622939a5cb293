"""The control API: what is going on, and the switches."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from aiohttp import web

from market_data.errors import BadQuestion
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.simulate.adjust import read_split
from market_data.simulate.fault import EVERY, Switched, read_fault, read_provider, read_switched
from market_data.simulate.meter import Calls
from market_data.simulate.protocol import Plan
from market_data.simulate.protocols import mutes
from market_data.simulate.simulator import Simulator
from market_data.simulate.tape import canonical

LARGEST_REQUEST = 64 * 1024
"""Bytes of a request's body."""
LONGEST_TRUTH_DAYS = 31
"""Of minutes in one answer of /sim/bars; of days it is a hundred times as much."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def routes(simulator: Simulator) -> list[web.RouteDef]:
    """The control API as routes of aiohttp."""

    async def state(request: web.Request) -> web.Response:
        return web.json_response(_state(simulator, request))

    async def switch_on(request: web.Request) -> web.Response:
        fault = read_switched(await _read_object(request), mutes(simulator.protocols))
        simulator.switchboard.switch_on(fault)
        return web.json_response({"faults": _faults(simulator)}, status=201)

    async def switch_off(request: web.Request) -> web.Response:
        query = request.query
        provider = read_provider(query.get("provider", EVERY), simulator.protocols)
        fault = read_fault(query["fault"]) if "fault" in query else None
        count = simulator.switchboard.switch_off(provider, fault)
        return web.json_response({"switched_off": count, "faults": _faults(simulator)})

    async def plan(request: web.Request) -> web.Response:
        told = await _read_object(request)
        provider = read_provider(told.get("provider"), simulator.protocols, every=False)
        simulator.plans[provider] = read_plan(told.get("plan"))
        return web.json_response({"plans": simulator.plans})

    async def split(request: web.Request) -> web.Response:
        symbol, one = read_split(await _read_object(request))
        if simulator.tape.listing(symbol) is None:
            raise BadQuestion(f"{symbol[:40]} is neither recorded nor generated here", status=404)
        simulator.splits[symbol] = (*simulator.splits.get(symbol, ()), one)
        return web.json_response({"symbol": symbol, "splits": len(simulator.splits[symbol])}, status=201)

    async def bars(request: web.Request) -> web.Response:
        return web.json_response(_truth(simulator, request))

    return [
        web.get("/sim/state", state),
        web.post("/sim/faults", switch_on),
        web.delete("/sim/faults", switch_off),
        web.post("/sim/plans", plan),
        web.post("/sim/splits", split),
        web.get("/sim/bars/{symbol}", bars),
    ]


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as JSON: what was wrong, and what would be right."""
    try:
        return await handler(request)
    except BadQuestion as error:
        return web.json_response({"error": error.detail}, status=error.status)
    except web.HTTPRequestEntityTooLarge:
        text = f"the body is larger than {LARGEST_REQUEST} bytes"
        return web.json_response({"error": text}, status=413)
    except web.HTTPNotFound:
        text = f"nothing answers {request.method} {request.path[:80]}: GET / lists what does"
        return web.json_response({"error": text}, status=404)
    except web.HTTPMethodNotAllowed as error:
        text = f"{request.path[:80]} takes {', '.join(sorted(error.allowed_methods))}, not {request.method}"
        return web.json_response({"error": text}, status=405, headers={"Allow": error.headers["Allow"]})


def read_plan(text: object) -> Plan:
    """The plan spelled `text`; BadQuestion names those that exist."""
    try:
        return Plan(str(text))
    except ValueError:
        raise BadQuestion(f"unknown plan {str(text)[:40]!r}: use one of {', '.join(Plan)}") from None


async def _read_object(request: web.Request) -> Mapping[str, object]:
    try:
        told = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise BadQuestion("the body is not JSON: send an object such as {...}", status=400) from None
    if not isinstance(told, dict):
        raise BadQuestion("the body is not a JSON object: send {...}", status=400)
    return told


def _state(simulator: Simulator, request: web.Request) -> dict[str, object]:
    now = simulator.clock()
    return {
        "now": now,
        "now_utc": f"{moment(now):%Y-%m-%dT%H:%M:%SZ}",
        "seed": simulator.config.seed,
        "symbols": simulator.config.symbols,
        "recorded": sorted(simulator.config.recorded),
        "providers": {
            name: {
                "base_url": f"{request.url.origin()}/{name}{protocol.facts.base_path}",
                "plan": simulator.plans[name],
                "limits": [
                    {"calls": limit.calls, "seconds": limit.seconds}
                    for limit in protocol.facts.limits[simulator.plans[name]]
                ],
                "calls": _calls(simulator.calls[name]),
            }
            for name, protocol in simulator.protocols.items()
        },
        "faults": _faults(simulator),
    }


def _calls(calls: Calls) -> dict[str, object]:
    return {
        "asked": calls.asked,
        "over_plan": calls.over_plan,
        "endpoints": calls.endpoints,
        "statuses": {str(status): count for status, count in calls.statuses.items()},
        "faults": calls.faults,
    }


def _faults(simulator: Simulator) -> list[dict[str, object]]:
    return [_told(fault, left) for fault, left in simulator.switchboard.active()]


def _told(fault: Switched, left: int | None) -> dict[str, object]:
    return {
        "provider": fault.provider,
        "fault": fault.fault,
        "symbol": fault.symbol,
        "value": fault.amount,
        "probability": fault.probability,
        "times": fault.times,
        "left": left,
    }


def _truth(simulator: Simulator, request: web.Request) -> dict[str, object]:
    symbol = canonical(request.match_info["symbol"])
    listing = simulator.tape.listing(symbol)
    if listing is None:
        raise BadQuestion(f"{symbol[:40]} is neither recorded nor generated here", status=404)
    try:
        interval = Interval.read(request.query.get("interval", Interval.M1))
        begin, end = (_read_moment(request.query.get(name), name) for name in ("start", "end"))
        span = Span(begin, end)
    except ValueError as error:
        raise BadQuestion(str(error)) from None
    days = LONGEST_TRUTH_DAYS * (100 if interval is Interval.D1 else 1)
    if span.seconds > days * Interval.D1.seconds:
        raise BadQuestion(f"at most {days} days of {interval} bars at once: ask for a shorter span")
    bars = simulator.tape.bars(symbol, interval, span, simulator.clock())
    return {
        "symbol": symbol,
        "interval": interval,
        "columns": ["ts", "open", "high", "low", "close", "volume"],
        "rows": bars.rows(),
    }


def _read_moment(text: str | None, name: str) -> int:
    if text and re.fullmatch(r"\d{1,10}", text):
        return int(text)
    try:
        return epoch(
            datetime.fromisoformat((text or "").replace(" ", "+"))
        )  # an unquoted + arrives as a blank
    except ValueError:
        raise BadQuestion(
            f"{name}={(text or '')[:40]}: write 2019-11-05T14:30:00Z or epoch seconds"
        ) from None
