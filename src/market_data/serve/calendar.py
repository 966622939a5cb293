"""/calendar: closures and early closes that operators announced; made and revoked under /ops."""

from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter

from market_data import closures
from market_data.market.closure import Closure
from market_data.market.row import LARGEST_ID
from market_data.market.span import moment
from market_data.serve.parts import Given
from market_data.serve.problem import can_fail
from market_data.serve.window import read_datetime

Exchange = Annotated[
    str | None, QueryParameter(description="Only this exchange: NASDAQ, XNYS, XLON. Without it, all.")
]
At = Annotated[
    str | None,
    QueryParameter(
        description="Those that were in force then, RFC 3339.", schema_extra={"format": "date-time"}
    ),
]
Revoked = Annotated[bool, QueryParameter(name="all", description="Also those that were revoked.")]
Number = Annotated[int, PathParameter(description="The id of an announcement.", examples=[Example(value=3)])]


class NewClosure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session that does not take place, or ends early at `at`, on the clocks of the exchange."""

    exchange: Annotated[str, msgspec.Meta(examples=["XNYS"])]
    day: Annotated[str, msgspec.Meta(examples=["2025-01-09"])]
    reason: Annotated[str, msgspec.Meta(examples=["National day of mourning"])]
    at: Annotated[str | None, msgspec.Meta(examples=["13:00"])] = None


@get("/", summary="Announced closures", responses=can_fail(422, 503))
async def announced(
    parts: Given, *, exchange: Exchange = None, as_of: At = None, everything: Revoked = False
) -> list[Closure]:
    """Closures and early closes that operators announced, newest first.

    `learned_at` and `revoked_at` say when this service knew of each. `closes` is null for a day without a
    session. The published calendar itself is not listed.
    """
    at = None if as_of is None else read_datetime("as_of", as_of)
    return await closures.listed(parts.database, exchange=exchange, as_of=at, revoked=everything)


@post(
    "/calendar",
    summary="Announce a closure",
    status_code=201,
    responses=can_fail(400, 403, 409, 422, 503),
)
async def announce(parts: Given, data: JSONBody[NewClosure]) -> Closure:
    """Close an exchange for a day, or early with `at`. All replicas follow within seconds.

    From then on the closed time counts as closed: nothing is expected, fetched or reported missing there.
    What is stored stays. An exchange is named as in the universe; all US exchanges share one calendar.
    """
    return await closures.announce(
        parts.database,
        data.exchange,
        data.day,
        data.at,
        data.reason,
        now=moment(parts.clock()),
        tell=parts.tell,
    )


@delete(
    "/calendar/{number:int}",
    summary="Revoke an announced closure",
    status_code=200,
    responses=can_fail(403, 404, 503),
)
async def revoke(parts: Given, number: Number) -> Closure:
    """Take an announcement back. The session counts as usual again, and what is missing of it is fetched."""
    return await closures.revoke(
        parts.database, min(number, LARGEST_ID), now=moment(parts.clock()), tell=parts.tell
    )


CHANGES = [announce, revoke]
"""Under /ops, restricted to loopback callers or a token."""

router = Router("/calendar", route_handlers=[announced], tags=["calendar"])
