"""Errors as RFC 9457 problem documents; they never carry a key, a URL with credentials or a stack trace."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from market_data.errors import (
    BadConfig,
    BadQuestion,
    MarketDataError,
    NoProvider,
    ProviderAnswer,
    StoreUnavailable,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
"""What a caller is told to wait before it asks again after a 503."""
LONGEST_PATH = 200
"""Characters of the asked path that are repeated."""

AnyRequest = Request[object, object, State]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was wrong, and what would be right (RFC 9457)."""

    type: str  # about:blank: the status says it all
    title: str
    status: int
    detail: str
    instance: str  # the path that was asked for
    answers: tuple[ProviderAnswer, ...] = ()  # what each provider said, where none could answer
    problems: tuple[str, ...] = ()  # one a setting, where a configuration cannot be used


_WHY = {
    400: "The body is not JSON.",
    403: "/ops is closed to callers from elsewhere without the token.",
    404: "There is no such thing; the detail says how to add it.",
    406: "It cannot be answered in any format that Accept names; the detail says which there are.",
    409: "There is one already; the detail says which and what to do.",
    413: "The body is too large.",
    422: "A parameter cannot be used; the detail says why and what would be right.",
    503: "A store cannot be reached, or no provider could answer; ask again after Retry-After seconds.",
}


def can_fail(*statuses: int) -> Mapping[int, ResponseSpec]:
    """The failures of a handler, for its description."""
    return {
        status: ResponseSpec(
            Problem, description=_WHY[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


def problem(
    request: AnyRequest,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    answers: tuple[ProviderAnswer, ...] = (),
    problems: tuple[str, ...] = (),
) -> Response[Problem]:
    """A problem document; a 503 says when to ask again."""
    wait = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path[:LONGEST_PATH],
        answers=answers,
        problems=problems,
    )
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers={**wait, **(headers or {})})


def _ours(request: AnyRequest, error: MarketDataError) -> Response[Problem]:
    match error:
        case BadQuestion():
            return problem(request, error.status, error.detail)
        case NoProvider():
            return problem(request, 503, str(error), answers=error.answers)
        case StoreUnavailable():
            return problem(request, 503, str(error))
        case BadConfig():
            return problem(request, 422, str(error), problems=error.problems)
        case _:
            return _unexpected(request, error)


def _http(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(request, error)
    status, detail = error.status_code, error.detail
    if isinstance(error, ValidationException):
        status, detail = 422, _reasons(error)
    elif status == HTTPStatus.NOT_FOUND:
        detail = "nothing answers at this path: /docs lists what does"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not answered here"
    elif status == HTTPStatus.BAD_REQUEST:
        detail = "the body is not JSON of the documented shape"
    return problem(request, status, detail, headers=error.headers)


def _reasons(error: ValidationException) -> str:
    """One reason a parameter; the exception's own detail would repeat the method and the whole URL."""
    found = error.extra if isinstance(error.extra, list) else []
    reasons = [_reason(one.get("key", ""), one.get("message", "")) for one in found if isinstance(one, dict)]
    return "; ".join(reasons) or "the request is not of the documented shape"


def _reason(key: str, message: str) -> str:
    """A reason with its parameter's name; that of the body is only its name in our code."""
    if key == "data":
        return "the body is missing: send JSON" if message == repr(key) else message
    return f"{key}: {message}" if key else message


def _unexpected(request: AnyRequest, error: Exception) -> Response[Problem]:
    structlog.get_logger().error("Request failed", path=request.url.path, exc_info=error)
    return problem(request, 500, "an error of the service itself; its log has the details")


HANDLERS: ExceptionHandlersMap = {
    MarketDataError: _ours,
    HTTPException: _http,
    Exception: _unexpected,
}
