"""market-data quality: its commands, options and help; what they need is imported when they run."""

from typing import Annotated

import typer

from market_data.cli.options import AsJson, OfDemo
from market_data.market.interval import Interval
from market_data.market.row import LARGEST_ID

quality = typer.Typer(
    no_args_is_help=True,
    help="Show quarantined bars, doubted but possible, and decide about them.",
)

Number = Annotated[
    int,
    typer.Argument(min=1, max=LARGEST_ID, help="The id of a quarantined bar, as `quality list` shows it."),
]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the decision.")]
By = Annotated[str | None, typer.Option(help="Who decides; else the user who runs the command.")]


@quality.command("list")
def list_(
    symbol: Annotated[str | None, typer.Argument(help="Only of this symbol.")] = None,
    *,
    interval: Annotated[Interval | None, typer.Option(help="Only 1m, or only 1d.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="With those already decided.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of bars.")] = 50,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """List quarantined bars, newest first, with the reason and what is served in their place."""
    from market_data.cli import quality as work

    work.show(symbol, interval, decided=decided, limit=limit, demo=demo, as_json=as_json)


@quality.command()
def accept(number: Number, reason: Reason, by: By = None, demo: OfDemo = False) -> None:
    """Store a quarantined bar, in place of any other of its label."""
    from market_data.cli import quality as work

    work.accept(number, reason, by, demo=demo)


@quality.command()
def reject(number: Number, reason: Reason, by: By = None, demo: OfDemo = False) -> None:
    """Reject a quarantined bar. The same value is never stored; another one may be."""
    from market_data.cli import quality as work

    work.reject(number, reason, by, demo=demo)
