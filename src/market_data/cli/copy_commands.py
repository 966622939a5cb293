"""market-data export, backup and restore: options and help; what they need is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from market_data.cli.options import AnyLength, AnyLevel, AnySession, AsJson, OfDemo, Quarantined

copies = typer.Typer()


@copies.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to; it is made.")],
    *,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Only this one; may be repeated. Else all there are.")
    ] = None,
    interval: AnyLength = "1m",
    session: AnySession = None,
    adjustment: AnyLevel = None,
    from_year: Annotated[int | None, typer.Option(min=1970, max=2099, help="First year, in UTC.")] = None,
    to_year: Annotated[int | None, typer.Option(min=1970, max=2099, help="Last year.")] = None,
    as_of: Annotated[str | None, typer.Option(help="What was known at this moment; else now.")] = None,
    quarantined: Quarantined = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Write bars to Parquet: FOLDER/interval=1m/symbol=AAPL/year=2025/bars.parquet.

    DuckDB, pandas, polars and Spark read the folder as one table, whatever intervals it holds. All files hold
    what was known at one moment. Each is there once it is whole; exported again it is replaced.
    """
    from market_data.cli import export as work
    from market_data.market.bar import Adjustment
    from market_data.market.session import Hours

    which = work.Which(
        tuple(symbol or ()),
        interval,
        Hours(session) if session else None,
        from_year,
        to_year,
        as_of,
        Adjustment(adjustment) if adjustment else None,
        quarantined,
    )
    work.run(folder, which, demo=demo, as_json=as_json)


@copies.command()
def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: market-data.dump.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Write the whole database to a file, as it is at one moment, while the service runs.

    It is a dump of pg_dump's custom format, made with the pg_dump that fits the server. The file appears once
    it is whole. One that is there already is refused, or with `--force` replaced in one step.
    """
    from market_data.cli import backup as work

    work.back_up(file, force=force, demo=demo, as_json=as_json)


@copies.command()
def restore(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="What `market-data backup` wrote.")],
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Fill an empty database from a backup: that of DATABASE_URL, or a new embedded one.

    With TimescaleDB too, where the server has the extension in the version of the backup. Stop the service
    first: it makes tables in an empty database.
    """
    from market_data.cli import backup as work

    work.restore(file, demo=demo, as_json=as_json)
