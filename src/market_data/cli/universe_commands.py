"""market-data universe: its commands, options and help; what they need is imported when they run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from market_data.cli.options import AsJson, OfDemo
from market_data.market.instrument import AssetType, Tier

universe = typer.Typer(
    no_args_is_help=True,
    help="Show and change the universe: the symbols that are collected, in three tiers (T0 the freshest).",
)

Symbols = Annotated[list[str], typer.Argument(help="Symbols, such as AAPL or BTC-USD.")]
Everything = Annotated[bool, typer.Option("--all", help="Also those no longer collected.")]
At = Annotated[str | None, typer.Option("--as-of", help="As it was then: 2025-10-08T14:00:00Z.")]
Version = Annotated[str | None, typer.Option("--version", help="As it was at this version.")]
Format = Annotated[
    Literal["csv", "json", "ndjson", "parquet"] | None,
    typer.Option("--format", help="Else told by the name of the file."),
]


@universe.command("list")
def list_(
    *,
    everything: Everything = False,
    tier: Annotated[Tier | None, typer.Option(help="Only of this tier.")] = None,
    as_of: At = None,
    version: Version = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show the universe, freshest tier first: as it is, or as it was."""
    from market_data.cli import universe as work

    work.show(everything=everything, tier=tier, at=as_of, tag=version, demo=demo, as_json=as_json)


@universe.command()
def add(
    symbols: Symbols,
    tier: Annotated[Tier | None, typer.Option(help="How fresh they are kept; it is pinned. Else T2.")] = None,
    kind: Annotated[
        AssetType | None, typer.Option(help="What they are; else told by their spelling, as BTC-USD is.")
    ] = None,
    exchange: Annotated[
        str, typer.Option(help="Where they trade: NASDAQ, NYSE, CRYPTO, or an ISO 10383 code.")
    ] = "US",
    demo: OfDemo = False,
) -> None:
    """Add symbols, or change the tier of some; they are collected from the next sweep on."""
    from market_data.cli import universe as work

    work.add(symbols, exchange, kind, tier, demo=demo)


@universe.command()
def remove(symbols: Symbols, demo: OfDemo = False) -> None:
    """Stop collecting symbols; what has been collected stays and can still be read."""
    from market_data.cli import universe as work

    work.remove(symbols, demo=demo)


@universe.command("set")
def set_(
    symbols: Symbols,
    *,
    tier: Annotated[Tier | None, typer.Option(help="How fresh they are kept; it is pinned.")] = None,
    pinned: Annotated[
        bool | None, typer.Option("--pin/--unpin", help="Keep the tier, or let it be computed.")
    ] = None,
    active: Annotated[bool | None, typer.Option("--on/--off", help="Collect them, or stop it.")] = None,
    exchange: Annotated[str | None, typer.Option(help="Where they trade.")] = None,
    kind: Annotated[AssetType | None, typer.Option(help="What they are.")] = None,
    adv_21d: Annotated[float | None, typer.Option(help="Average daily volume of 21 sessions.")] = None,
    mkt_cap: Annotated[float | None, typer.Option(help="Market capitalisation.")] = None,
    listed: Annotated[str | None, typer.Option(help="First day of trading: 2025-10-08.")] = None,
    delisted: Annotated[str | None, typer.Option(help="Last day of trading.")] = None,
    demo: OfDemo = False,
) -> None:
    """Change symbols that are there; outside its days of trading nothing of a symbol is missing."""
    from market_data.cli import universe as work

    fields = {"tier": tier, "pinned": pinned, "active": active, "exchange": exchange, "asset_type": kind}
    numbers = {"adv_21d": adv_21d, "mkt_cap": mkt_cap, "listed": listed, "delisted": delisted}
    work.edit(symbols, {**fields, **numbers}, demo=demo)


@universe.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, NDJSON, Parquet.")],
    *,
    format_: Format = None,
    tag: Annotated[str | None, typer.Option(help="Name of the version: 2025w41-manual.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Where the rows are from; kept with the version.")
    ] = None,
    only_these: Annotated[
        bool, typer.Option("--only-these", help="Stop collecting all that are not in the file.")
    ] = False,
    demo: OfDemo = False,
) -> None:
    """Bring symbols into the universe from a file with the columns of `universe export`.

    Only symbol is needed; blank fields stay as they are. A symbol that is new and has no tier gets one
    from adv_21d and mkt_cap. Every row is checked before any is written: a file with a mistake changes
    nothing, and one that was imported before changes nothing either.
    """
    from market_data.cli import universe as work
    from market_data.universe import FileKind

    kind = FileKind(format_) if format_ else None
    work.load(file, kind, tag=tag, source=source, only_these=only_these, demo=demo)


@universe.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; else to standard output.")] = None,
    *,
    format_: Format = None,
    everything: Everything = False,
    as_of: At = None,
    version: Version = None,
    demo: OfDemo = False,
) -> None:
    """Write the universe as CSV, JSON, NDJSON or Parquet; `universe import` reads it again."""
    from market_data.cli import universe as work
    from market_data.universe import FileKind

    kind = FileKind(format_) if format_ else None
    work.save(file, kind, everything=everything, at=as_of, tag=version, demo=demo)


@universe.command()
def diff(
    before: Annotated[str, typer.Argument(help="A version, or a file that would be imported.")],
    after: Annotated[str | None, typer.Argument(help="A version; else the universe as it is.")] = None,
    *,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions, or what importing a file would change."""
    from market_data.cli import universe as work

    work.differ(before, after, demo=demo, as_json=as_json)


@universe.command()
def versions(demo: OfDemo = False, as_json: AsJson = False) -> None:
    """Show the versions, newest first: every change makes one."""
    from market_data.cli import universe as work

    work.versions(demo=demo, as_json=as_json)


@universe.command()
def rollback(
    tag: Annotated[str, typer.Argument(help="A version, as `universe versions` shows it.")],
    demo: OfDemo = False,
) -> None:
    """Make the universe what it was at a version; that is a new version."""
    from market_data.cli import universe as work

    work.back(tag, demo=demo)


@universe.command("retier")
def retier_(demo: OfDemo = False) -> None:
    """Compute the tiers of all that are not pinned anew, under TIER_MAXS; who is near a border stays."""
    from market_data.cli import universe as work

    work.tiers(demo=demo)


@universe.command()
def rename(
    former: Annotated[str, typer.Argument(help="The symbol until now: FB.")],
    symbol: Annotated[str, typer.Argument(help="The symbol from now on: META.")],
    demo: OfDemo = False,
) -> None:
    """Give an instrument another symbol; its bars, revisions and backfills go with it."""
    from market_data.cli import universe as work

    work.name(former, symbol, demo=demo)
