"""Options that many commands share."""

from typing import Annotated, Literal

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
AnyLength = Annotated[str, typer.Option(help="1m, 1d, or any number of minutes or hours: 3m, 2h.")]
AnySession = Annotated[
    Literal["regular", "extended", "all"] | None,
    typer.Option(help="Bars of which hours; else all, and days as providers tell them."),
]
AnyLevel = Annotated[
    Literal["raw", "split", "all"] | None,
    typer.Option(help="Price level of daily bars; else the one that holds the most days, split first."),
]
Quarantined = Annotated[
    bool, typer.Option("--quarantined", help="With doubted bars, where no other is stored: 1m and 1d only.")
]
OfDemo = Annotated[bool, typer.Option("--demo", help="The data of `market-data demo`, running or not.")]
AnyAnchor = Annotated[
    Literal["session", "clock"],
    typer.Option(help="What built bars are counted from: their session's open, or 00:00 UTC as in SQL."),
]
