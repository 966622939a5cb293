"""/ops/quality: quarantined bars, and what an operator decides about them."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter

from market_data.errors import BadQuestion
from market_data.market.instrument import read_symbol
from market_data.market.interval import Interval
from market_data.market.row import LARGEST_ID
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.store import decisions, quarantine
from market_data.store.decisions import Decision
from market_data.store.quarantine import Listed

MOST_LISTED = 500
"""Quarantined bars in one answer."""

Number = Annotated[
    int, PathParameter(description="The id of a quarantined bar.", examples=[Example(value=12345)])
]
OneSymbol = Annotated[str | None, QueryParameter(description="Only of this symbol.")]
OneInterval = Annotated[str | None, QueryParameter(description="1m or 1d; without it, both.")]
Before = Annotated[
    int | None, QueryParameter(description="Those with a smaller id: the `next` of the page before.")
]
Limit = Annotated[
    int,
    QueryParameter(
        description="Quarantined bars in this answer.", schema_extra={"minimum": 1, "maximum": MOST_LISTED}
    ),
]
Decided = Annotated[bool, QueryParameter(description="With those that an operator has decided.")]


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Quarantined bars, newest first; `open` counts all that are open, by reason.

    `next` is the `before` of the next page, null on the last.
    """

    bars: list[Listed]
    open: dict[str, int]
    next: int | None


class DecisionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who decides, and why: both are kept."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100, examples=["jane"])]
    reason: Annotated[
        str, msgspec.Meta(min_length=1, max_length=500, examples=["halted on news, confirmed by the tape"])
    ]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The bar that was decided."""

    bar: str
    decision: str


@get("/quality/quarantined", summary="Quarantined bars", responses=can_fail(403, 422, 503))
async def quarantined(
    parts: Given,
    *,
    symbol: OneSymbol = None,
    interval: OneInterval = None,
    decided: Decided = False,
    before: Before = None,
    limit: Limit = 100,
) -> Quarantine:
    """Bars that are doubted: why, since when, and what is served in their place."""
    if not 1 <= limit <= MOST_LISTED:
        raise BadQuestion(f"limit: {limit} is not between 1 and {MOST_LISTED}; use `next` for further pages")
    found = await quarantine.listed(
        parts.database,
        symbol=_symbol(symbol),
        interval=_interval(interval),
        before=None if before is None else _id(before),
        limit=limit + 1,
        decided=decided,
    )
    following = found[limit - 1].id if len(found) > limit else None
    return Quarantine(bars=found[:limit], open=await quarantine.counts(parts.database), next=following)


@post(
    "/quality/quarantined/{number:int}/accept",
    summary="Accept a quarantined bar",
    status_code=200,
    responses=can_fail(400, 403, 404, 422, 503),
)
async def accept(parts: Given, number: Number, data: JSONBody[DecisionBody]) -> Done:
    """Store a quarantined bar, in place of any other of its label; who, when and why are kept."""
    bar = await decisions.accept(parts.database, _id(number), _decision(parts, data))
    return Done(bar=bar, decision="accepted")


@post(
    "/quality/quarantined/{number:int}/reject",
    summary="Reject a quarantined bar",
    status_code=200,
    responses=can_fail(400, 403, 404, 422, 503),
)
async def reject(parts: Given, number: Number, data: JSONBody[DecisionBody]) -> Done:
    """Move a quarantined bar to the rejected ones. The same value is never stored; another one may be."""
    bar = await decisions.reject(parts.database, _id(number), _decision(parts, data))
    return Done(bar=bar, decision="rejected")


HANDLERS = [quarantined, accept, reject]
"""What /ops has of it."""


def _decision(parts: Parts, data: DecisionBody) -> Decision:
    return Decision(data.by, data.reason, parts.clock())


def _symbol(text: str | None) -> str | None:
    try:
        return None if text is None else read_symbol(text)
    except ValueError as error:
        raise BadQuestion(f"symbol: {error}") from None


def _interval(text: str | None) -> Interval | None:
    try:
        return None if text is None else Interval(text)
    except ValueError:
        raise BadQuestion(f"interval: {text!r:.20} is not one of {', '.join(Interval)}") from None


def _id(number: int) -> int:
    if not 0 < number <= LARGEST_ID:
        raise BadQuestion(f"id: {number} is none: /ops/quality/quarantined lists them", status=404)
    return number
