"""The parameters that callers can give, each with its description and an example."""

from typing import Annotated

from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from market_data.market.interval import Interval
from market_data.serve.window import LARGEST_LIMIT

DEFAULT_LIMIT = 1000
"""Bars in one answer where the caller names no limit."""

_TIME = {"format": "date-time"}

Symbol = Annotated[
    str,
    PathParameter(
        description="A symbol of the universe.",
        examples=[Example(value="AAPL"), Example(value="BTC-USD")],
    ),
]
IntradayInterval = Annotated[
    str,
    QueryParameter(
        description="Length of a bar.",
        schema_extra={"enum": [one.value for one in Interval if one is not Interval.D1]},
    ),
]
AnyInterval = Annotated[
    str,
    QueryParameter(description="Length of a bar.", schema_extra={"enum": [one.value for one in Interval]}),
]
Start = Annotated[
    str | None,
    QueryParameter(
        description="First moment of the window, RFC 3339 with its zone; or the `next` of the page before.",
        schema_extra=_TIME,
        examples=[Example(value="2025-10-08T14:00:00Z")],
    ),
]
End = Annotated[
    str | None,
    QueryParameter(
        description="First moment after the window, RFC 3339 with its zone; without it, now.",
        schema_extra=_TIME,
        examples=[Example(value="2025-10-08T20:00:00Z")],
    ),
]
Limit = Annotated[
    int,
    QueryParameter(
        description="Bars in this answer; `next` leads on.",
        schema_extra={"minimum": 1, "maximum": LARGEST_LIMIT},
    ),
]
AsOf = Annotated[
    str | None,
    QueryParameter(
        description="Answer with what was known at this moment, RFC 3339 with its zone.",
        schema_extra=_TIME,
        examples=[Example(value="2025-10-08T15:00:00Z")],
    ),
]
