"""The parameters that callers can give, each with its description and an example."""

from typing import Annotated

from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from market_data.formats import Format
from market_data.market.anchor import Anchor
from market_data.market.session import Hours
from market_data.serve.cursor import LONGEST_CURSOR
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
_LENGTH = {"pattern": "^([1-9][0-9]{0,3}[mh]|1d)$"}

IntradayInterval = Annotated[
    str,
    QueryParameter(
        description="Length of a bar: any number of minutes or hours below a day.",
        schema_extra=_LENGTH,
        examples=[Example(value="5m"), Example(value="3m"), Example(value="2h")],
    ),
]
AnyInterval = Annotated[
    str,
    QueryParameter(
        description="Length of a bar: 1d, or any number of minutes or hours below a day.",
        schema_extra=_LENGTH,
        examples=[Example(value="1d"), Example(value="1h")],
    ),
]
Start = Annotated[
    str | None,
    QueryParameter(
        description="First moment of the window, RFC 3339 with its zone.",
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
    str | None,
    QueryParameter(
        schema_extra={"pattern": "^([1-9][0-9]{0,4}|all)$"},
        description=f"Bars in this answer, {LARGEST_LIMIT} at most, and `next` leads on; or `all`, the whole "
        f"window in one stream. Without it, {DEFAULT_LIMIT} of JSON, and all of any other format.",
        examples=[Example(value="1000"), Example(value="all")],
    ),
]
Session = Annotated[
    str | None,
    QueryParameter(
        schema_extra={"enum": [one.value for one in Hours]},
        description="Bars of regular hours, of these with early and late trading, or all. Without it, all, "
        "and days as providers tell them; with it, days are built from minutes.",
    ),
]
AnchorAt = Annotated[
    str | None,
    QueryParameter(
        name="anchor",
        schema_extra={"enum": [one.value for one in Anchor]},
        description="What the opens of built bars are counted from: the open of each session (the default), "
        "or the clock, 00:00 UTC, as in the SQL views candles_5m and candles_1h.",
    ),
]
Next = Annotated[
    str | None,
    QueryParameter(
        name="cursor",
        description="The `next` of the page before; all else but `limit` and `format` has to be as it was.",
        schema_extra={"maxLength": LONGEST_CURSOR},
    ),
]
Form = Annotated[
    str | None,
    QueryParameter(
        name="format",
        description="Format of the answer; without it, what Accept asks for.",
        schema_extra={"enum": [one.value for one in Format]},
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
