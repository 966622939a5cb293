"""Yahoo Finance on the wire: charts and sparks without a key, for callers that look like a browser."""

import re
from dataclasses import replace

from market_data.provider import Limit
from market_data.simulate.adjust import AdjustedTape
from market_data.simulate.protocol import Ask, Facts, Plan, Reply
from market_data.simulate.protocols.yahoo.chart import chart
from market_data.simulate.protocols.yahoo.spark import spark
from market_data.simulate.tape import canonical

FACTS = Facts(
    name="yahoo",
    title="Yahoo Finance",
    base_path="",
    limits={Plan.FREE: (Limit(360, 3600),), Plan.PREMIUM: (), Plan.UNLIMITED: ()},
    endpoints=frozenset({"v8/finance/chart", "v7/finance/spark", "v8/finance/spark", "v7/finance/quote"}),
)

_LIBRARY = re.compile(
    r"(python|aiohttp|curl|wget|httpx|okhttp|java|axios|node|got|go-http-client|ruby|libwww|postman)\b",
    re.IGNORECASE,
)
"""How default agents of libraries begin: they are refused at the first request."""
_CRUMB = {"code": "Unauthorized", "description": "Invalid Crumb"}


def endpoint_of(ask: Ask) -> str:
    """The path without the symbol."""
    return "/".join(ask.path.strip("/").split("/")[:3])


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The symbol at the end of a chart's path, or the `symbols` of a spark."""
    parts = ask.path.strip("/").split("/", 3)
    listed = parts[3:] if parts[2:3] == ["chart"] else ask.params.get("symbols", "").split(",")
    return tuple(canonical(one) for one in listed if one.strip())


def render(ask: Ask) -> Reply:
    """The answer to any request."""
    agent = ask.headers.get("user-agent", "").strip()
    if not agent or _LIBRARY.match(agent) or ask.allowance.over:
        return throttled(ask)
    ask = replace(ask, tape=AdjustedTape(ask.tape))
    endpoint, symbols = endpoint_of(ask), symbols_of(ask)
    if endpoint == "v8/finance/chart" and symbols:
        return chart(ask, symbols[0])
    if endpoint in {"v7/finance/spark", "v8/finance/spark"}:
        return spark(ask, symbols, flat=endpoint.startswith("v8"))
    if endpoint == "v7/finance/quote":
        return Reply(401, {"finance": {"result": None, "error": _CRUMB}})
    return Reply(404, "<html><body>Not Found on Accelerator</body></html>", content_type="text/html")


def throttled(ask: Ask) -> Reply:  # noqa: ARG001 - it is the same whatever was asked
    """429 with a line of text: no JSON, no Retry-After."""
    return Reply(429, "Too Many Requests\r\n", content_type="text/plain")


def uneven(body: object) -> object:
    """A chart whose closes are one fewer than its times."""
    match body:
        case {
            "chart": {
                "result": [{"indicators": {"quote": [{"close": [*closes], **columns}, *_], **others}, **rest}]
            }
        }:
            short = {"indicators": {"quote": [{"close": closes[:-1]} | columns]} | others} | rest
            return {"chart": {"result": [short], "error": None}}
    return body
