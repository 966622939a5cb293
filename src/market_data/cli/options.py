"""Options that many commands share."""

from typing import Annotated, Literal

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
AnyLength = Annotated[str, typer.Option(help="1m, 1d, or any number of minutes or hours: 3m, 2h.")]
AnySession = Annotated[
    Literal["regular", "extended", "all"] | None,
    typer.Option(help="Bars of which hours; else all, and days as providers tell them."),
]
Quarantined = Annotated[
    bool, typer.Option("--quarantined", help="With doubted bars, where no other is stored: 1m and 1d only.")
]
OfDemo = Annotated[bool, typer.Option("--demo", help="The data of `market-data demo`, running or not.")]
