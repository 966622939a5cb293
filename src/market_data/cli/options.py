"""Options that many commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
OfDemo = Annotated[bool, typer.Option("--demo", help="The data of `market-data demo`, running or not.")]
