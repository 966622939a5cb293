"""/ops: what operators do. Closed to strangers: loopback callers, or the token."""

import hmac
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import urlsplit

from litestar import Router, post
from litestar.connection import ASGIConnection
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody

from market_data.errors import BadConfig
from market_data.reload import Reloaded
from market_data.serve import backfills, calendar, dead, quality, universe
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""What a loopback caller may call us: any other name is a page elsewhere that points its name at us."""
MOST_SETTINGS = 500
"""Settings in one candidate."""

_Connection = ASGIConnection[Any, Any, Any, Any]


@post("/reload", summary="Read the configuration again", status_code=200, responses=can_fail(403, 422))
async def reload(parts: Given) -> Reloaded:
    """Re-read environment, CONFIG_DIR and .env, check the whole, and put it in force in one step.

    If anything cannot be used, nothing changes, and `problems` has a line for each setting. No client, job or
    write is lost. Providers that were out, or refused, are tried again; those with a key are asked at once,
    so that a wrong one shows at any hour. Each replica is asked by itself.
    """
    return await parts.reload.swap()


@post("/validate", summary="Check a configuration", status_code=200, responses=can_fail(400, 403, 422))
async def validate(parts: Given, data: JSONBody[dict[str, str] | None] = None) -> Reloaded:
    """All that /ops/reload does but the swap.

    The body may be a JSON object of settings, such as `{"CADENCE_T0": "bars_1m=60"}`: they are checked as if
    the sources had them.
    """
    given = data or {}
    if len(given) > MOST_SETTINGS:
        raise BadConfig([f"{len(given)} settings: {MOST_SETTINGS} at most can be checked at once"])
    return await parts.reload.check(given)


def router(parts: Parts) -> Router:
    """The routes, closed to strangers."""
    handlers = [reload, validate, *backfills.HANDLERS, *universe.CHANGES, dead.dead_jobs, dead.discard_job]
    handlers += [*calendar.CHANGES, *quality.HANDLERS]
    return Router("/ops", route_handlers=handlers, guards=[_guard(parts)], tags=["ops"])


def _guard(parts: Parts) -> Callable[[_Connection, BaseRouteHandler], None]:
    def guard(connection: _Connection, _: BaseRouteHandler) -> None:
        if not (_has_token(connection, parts) or _from_here(connection)):
            raise PermissionDeniedException(
                "/ops answers callers on the loopback address, and others with the token of OPS_API_TOKEN "
                "(Authorization: Bearer …)"
            )

    return guard


def _has_token(connection: _Connection, parts: Parts) -> bool:
    token = parts.settings.ops_api_token
    kind, _, given = connection.headers.get("authorization", "").partition(" ")
    return (
        token is not None
        and kind.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode(), token.get_secret_value().encode())
    )


def _from_here(connection: _Connection) -> bool:
    """Whether it comes from the loopback address, and from no proxy and no web page."""
    client = connection.client
    address = ip_address(client.host.partition("%")[0]) if client else None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if address is None or not (mapped or address).is_loopback:
        return False
    headers = connection.headers
    if "x-forwarded-for" in headers or "forwarded" in headers:
        return False  # a proxy on this machine: whoever is behind it is not on the loopback
    origin = headers.get("origin")
    names = [
        urlsplit(f"//{headers.get('host', '')}").hostname,
        *([urlsplit(origin).hostname] if origin else []),
    ]
    return all(name in LOOPBACK_NAMES for name in names)
