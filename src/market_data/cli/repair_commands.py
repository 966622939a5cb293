"""market-data repair: options and help; what it needs is imported when it runs."""

from typing import Annotated

import typer

from market_data.cli.options import AsJson, OfDemo

repair = typer.Typer(
    no_args_is_help=True,
    help="Correct what an earlier version stored wrongly. Old values stay as revisions.",
)


@repair.command()
def levels(
    *,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol; else all of the universe.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only; change nothing.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Bring the minutes that version 0.1.0 labelled `split` to one price level, the raw one.

    Minutes without a split after them are raw already: only their label changes. Those that a split
    "corrected" get back the value before it, others are converted by its ratio. Where splits are not known,
    the days of the provider are queued, which state them: run the command again afterwards. It may run while
    the service does.
    """
    from market_data.cli import repair as work

    work.run(symbol=symbol, dry_run=dry_run, demo=demo, as_json=as_json)
