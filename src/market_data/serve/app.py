"""The ASGI application: every resource, with its errors and its OpenAPI description."""

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import License

from market_data import __version__
from market_data.serve import health, socket, stats, stocks
from market_data.serve.parts import Parts
from market_data.serve.problem import HANDLERS

LARGEST_BODY = 1024 * 1024
"""Bytes of a request."""

_DESCRIPTION = """Bars and quotes of a tiered universe of symbols, kept fresh from several providers.

Times are RFC 3339 with a zone. Bars are labelled by their open; windows hold `start <= t < end`.
Errors are problem documents (RFC 9457) whose `detail` says what was wrong and what would be right."""


def build(parts: Parts) -> Litestar:
    """The application over `parts`."""
    return Litestar(
        [stocks.router, stats.router, health.router, socket.follow],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        request_max_body_size=LARGEST_BODY,
        logging_config=None,  # errors are logged by serve/problem.py, in the service's own format
        openapi_config=OpenAPIConfig(
            title="Market Data Service",
            version=__version__,
            description=_DESCRIPTION,
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            path="/docs",
            render_plugins=[ScalarRenderPlugin(), SwaggerRenderPlugin(path="/swagger")],
        ),
    )
