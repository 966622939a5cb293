"""Completes the OpenAPI description where Litestar cannot know: other formats than JSON, and its own 400."""

from collections.abc import Iterable

from litestar import Litestar
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)
from litestar.routes import HTTPRoute

ALSO_ANSWERS = "also_answers"
"""In a handler's `opt`: the media types, beside JSON, that it can answer with."""
TAKES = "takes"
"""In a handler's `opt`: the media types that its body may have."""


def complete(app: Litestar) -> None:
    """Put into the description what handlers say in their `opt`, and take out what cannot be."""
    paths = app.openapi_schema.paths or {}
    for route in app.routes:
        item = paths.get(route.path_format) if isinstance(route, HTTPRoute) else None
        if item is None or not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            operations = {"GET": item.get, "POST": item.post}
            for operation in filter(None, (operations.get(method) for method in handler.http_methods)):
                _formats(operation, handler.opt.get(ALSO_ANSWERS, ()), handler.opt.get(TAKES, ()))
    for item in paths.values():
        for operation in filter(None, (item.get, item.post, item.delete)):
            if operation.responses and operation.request_body is None:
                operation.responses.pop("400", None)  # what cannot be used is answered with 422 here
    for plugin in app.plugins:
        if provide := getattr(plugin, "provide_openapi_schema", None):
            provide()  # kept from now on: at the first question it would hold the event loop for 25 ms


def _formats(operation: Operation, answers: Iterable[str], takes: Iterable[str]) -> None:
    answered = (operation.responses or {}).get("200")
    if isinstance(answered, OpenAPIResponse) and answered.content is not None:
        answered.content.update({one: _anything(one) for one in answers})
    if bodies := {one: _anything(one) for one in takes}:
        operation.request_body = RequestBody(content=bodies, required=True)
        (operation.responses or {}).pop("400", None)  # it is said of bodies that are JSON


def _anything(media_type: str) -> OpenAPIMediaType:
    text = media_type.startswith("text/") or "json" in media_type
    return OpenAPIMediaType(
        schema=Schema(type=OpenAPIType.STRING, format=None if text else OpenAPIFormat.BINARY)
    )
