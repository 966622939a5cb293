"""Errors as RFC 9457 problem documents; they never carry a key, a URL with credentials or a stack trace."""

from http import HTTPStatus

import structlog
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from market_data.errors import BadConfig, BadQuestion, MarketDataError, NoProvider, StoreUnavailable

RETRY_AFTER_SECONDS = 5
"""What a caller is told to wait before it asks again after a 503."""

AnyRequest = Request[object, object, State]


def problem(
    request: AnyRequest, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: object
) -> Response[dict[str, object]]:
    """A problem document. `more` are members of its own, as RFC 9457 section 3.2 allows."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    media = "application/problem+json"
    return Response(body, status_code=status, media_type=media, headers=headers or {})


def _ours(request: AnyRequest, error: MarketDataError) -> Response[dict[str, object]]:
    wait = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    match error:
        case BadQuestion():
            return problem(request, error.status, error.detail)
        case NoProvider():
            return problem(request, 503, str(error), headers=wait, answers=error.answers)
        case StoreUnavailable():
            return problem(request, 503, str(error), headers=wait)
        case BadConfig():
            return problem(request, 422, str(error), problems=error.problems)
        case _:
            return _unexpected(request, error)


def _http(request: AnyRequest, error: HTTPException) -> Response[dict[str, object]]:
    # what Litestar's validation found has one entry a parameter; its detail repeats the method and the URL
    found = error.extra if isinstance(error.extra, list) else []
    reasons = [f"{one.get('key', 'body')}: {one.get('message')}" for one in found if isinstance(one, dict)]
    status = 422 if error.status_code == HTTPStatus.BAD_REQUEST else error.status_code
    headers = dict(error.headers or {})
    return problem(request, status, "; ".join(reasons) or error.detail, headers=headers)


def _unexpected(request: AnyRequest, error: Exception) -> Response[dict[str, object]]:
    structlog.get_logger().error("Request failed", path=request.url.path, exc_info=error)
    return problem(request, 500, "an error of the service itself; its log has the details")


HANDLERS: ExceptionHandlersMap = {
    MarketDataError: _ours,
    HTTPException: _http,
    Exception: _unexpected,
}
