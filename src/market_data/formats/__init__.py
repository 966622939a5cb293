"""The formats of bars: each is written as it is read, block by block, and none loses a digit."""

from collections.abc import Callable, Mapping

from market_data.formats import columns, text
from market_data.formats.format import MEDIA_TYPES, Format, Heading, Writer

WRITERS: Mapping[Format, Callable[[Heading], Writer]] = {
    Format.JSON: text.json,
    Format.CSV: text.csv,
    Format.NDJSON: text.ndjson,
    Format.ARROW: columns.Arrow,
    Format.PARQUET: columns.Parquet,
}

__all__ = ["MEDIA_TYPES", "WRITERS", "Format", "Heading", "Writer"]
