"""The ASGI application: every resource, with its errors and its OpenAPI description."""

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import License
from litestar.types import ControllerRouterHandler

from market_data import __version__
from market_data.serve import bars, calendar, coverage, health, ops, price, stats, stream, universe
from market_data.serve.asyncapi import asyncapi
from market_data.serve.described import complete
from market_data.serve.parts import Parts
from market_data.serve.problem import HANDLERS
from market_data.serve.reference import ReferencePlugin
from market_data.serve.slashes import Slashes

LARGEST_BODY = 1024 * 1024
"""Bytes of a request."""

_DESCRIPTION = """Bars and quotes of a tiered universe of symbols, kept fresh from several providers.

Times are RFC 3339 with a zone. Bars are labelled by their open; windows hold `start <= t < end`.
Errors are problem documents (RFC 9457) whose `detail` says what was wrong and what would be right.

`ws://…/ws/{symbol}` is a WebSocket: a `snapshot`, a `replay` of the last bars, then each `bar` as it is
written; with `?since=` the last position it tells exactly what was missed. `ws://…/ws` follows many symbols.
`/docs/asyncapi.json` describes their messages and close codes."""


def build(parts: Parts) -> Litestar:
    """The application over `parts`."""
    stocks = Router(
        "/stocks", route_handlers=[price.price, bars.intraday, bars.history, bars.batch], tags=["stocks"]
    )
    members = Router("/universe", route_handlers=universe.HANDLERS, tags=["universe"])
    others: list[ControllerRouterHandler] = [
        stats.router,
        coverage.router,
        calendar.router,
        ops.router(parts),
        health.router,
        stream.router,
        asyncapi,
    ]
    app = Litestar(
        [stocks, members, *others],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        request_max_body_size=LARGEST_BODY,
        debug=False,  # whatever LITESTAR_DEBUG says: a trace is nothing that a caller may see
        logging_config=None,  # errors are logged by serve/problem.py, in the service's own format
        openapi_config=OpenAPIConfig(
            title="Market Data Service",
            version=__version__,
            description=_DESCRIPTION,
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            path="/docs",
            use_handler_docstrings=True,
            render_plugins=[ReferencePlugin(path="/"), ScalarRenderPlugin(path="/try")],
        ),
    )
    complete(app)
    app.asgi_handler = Slashes(app.asgi_handler, [route.path_format for route in app.routes])
    return app
