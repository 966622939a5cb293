"""The stream described as AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""

from inspect import getdoc
from typing import Any

import msgspec
from litestar import get

from market_data import __version__
from market_data.push import session
from market_data.push.session import Close
from market_data.stream import BarMessage
from market_data.ticker import QuoteMessage

SAYS = (session.Subscribe, session.Unsubscribe)
"""What clients say."""
TELLS = (
    session.Snapshot,
    session.Replay,
    BarMessage,
    QuoteMessage,
    session.Heartbeat,
    session.Conflated,
    session.Subscribed,
    session.Unsubscribed,
    session.ErrorMessage,
)
"""What clients are told."""

CLOSES = {
    Close.RESTART: "The service stops: come back at once, with the last position.",
    Close.TRY_AGAIN: "A store cannot be reached: come back later.",
    Close.BAD_QUESTION: "The URL asks for what there is not: do not come back the same way.",
    Close.UNKNOWN_SYMBOL: "There is no such symbol here: do not come back.",
    Close.IDLE: "Nothing was subscribed for a minute, or no ping answered: come back to follow something.",
    Close.SLOW: "Bars came faster than they were read: come back, with the last position.",
    Close.TOO_MANY: "Too many clients, or too many messages from this one: come back later.",
}
"""What each close code asks of the client."""


@get("/docs/asyncapi.json", include_in_schema=False, sync_to_thread=False)
def asyncapi() -> dict[str, Any]:
    """The description of the stream."""
    return described()


def described() -> dict[str, Any]:
    """The document, ready for JSON."""
    kinds = (*SAYS, *TELLS)
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    # a bar that is told has its position beside it, which the hub adds
    schemas["BarMessage"]["properties"]["position"] = {"type": "string"}
    bar = {"$ref": "#/components/schemas/BarMessage"}
    for name in ("Snapshot", "Replay"):
        schemas[name]["properties"]["bars"]["items"] = bar
    closes = "\n".join(f"- `{int(code)}`: {meaning}" for code, meaning in CLOSES.items())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Market Data Service: the stream",
            "version": __version__,
            "description": f"Bars as they are written. docs/websocket.md tells how to use it.\n\n{closes}",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"here": {"host": "localhost:8001", "protocol": "ws"}},
        "channels": {
            "symbol": _channel("/ws/{symbol}", "One symbol.", symbol=True),
            "many": _channel("/ws", "Many symbols on one connection.", symbol=False),
        },
        "operations": _operations(),
        "components": {
            "schemas": schemas,
            "messages": {
                _name(one): {
                    "summary": (getdoc(one) or "").split("\n\n")[0].replace("\n", " "),
                    "payload": {"$ref": f"#/components/schemas/{one.__name__}"},
                }
                for one in kinds
            },
        },
    }


def _operations() -> dict[str, Any]:
    """What each side of each channel does."""
    return {
        f"{verb}{channel.title()}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/{_name(one)}"} for one in told],
        }
        for channel in ("symbol", "many")
        for verb, action, told in (("say", "receive", SAYS), ("tell", "send", TELLS))
    }


def _channel(address: str, summary: str, *, symbol: bool) -> dict[str, Any]:
    query = {
        "interval": {"type": "string", "enum": list(session.STREAMED), "default": "1m"},
        "since": {"type": "string", "description": "The last position that is known."},
        "quotes": {"type": "boolean", "default": True, "description": "Whether quotes are told too."},
    }
    found: dict[str, Any] = {
        "address": address,
        "summary": summary,
        "messages": {_name(one): {"$ref": f"#/components/messages/{_name(one)}"} for one in (*SAYS, *TELLS)},
    }
    if symbol:
        found["parameters"] = {
            "symbol": {"description": "A symbol of the universe, such as AAPL or BTC-USD."}
        }
        found["bindings"] = {
            "ws": {"query": {"type": "object", "properties": query}, "bindingVersion": "0.1.0"}
        }
    return found


def _name(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)
