"""What a user can type: every command with its options and its help.

What a command needs is imported when it runs: help then comes at once, not after the second or two that it
takes to import the whole service.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from market_data import __version__
from market_data.cli.calendar_commands import calendar
from market_data.cli.copy_commands import copies
from market_data.cli.options import AnyAnchor, AnyLength, AnyLevel, AnySession, AsJson, OfDemo, Quarantined
from market_data.cli.output import EXIT_CODES
from market_data.cli.quality_commands import quality
from market_data.cli.repair_commands import repair
from market_data.cli.universe_commands import universe
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.market.row import LARGEST_ID

app = typer.Typer(
    name="market-data",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""A self-hosted market data service.

Start with `market-data demo`: the whole service on simulated data, nothing to configure.
`market-data serve` is the same with real providers.
`market-data doctor` says what is set up and what is missing.""",
    epilog="Exit codes: "
    + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    + ". Settings: environment, CONFIG_DIR and .env; see docs/configuration.md.",
)
app.add_typer(universe, name="universe")
app.add_typer(calendar, name="calendar")
app.add_typer(copies)
app.add_typer(repair, name="repair")
app.add_typer(quality, name="quality")

backfill = typer.Typer(
    no_args_is_help=True,
    help="Show and change the ledger of backfills: the work that fills gaps.",
)
app.add_typer(backfill, name="backfill")

SIMULATOR_PORT = 8100
"""Where the provider simulator listens if nothing else is said."""
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Port to listen on, 0 for a free one; else PORT, or 8001."),
]
Announce = Annotated[bool, typer.Option("--json", help="Once it answers, print where as one line of JSON.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"market-data {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Options of the program itself."""


@app.command()
def demo(
    port: Port = None,
    simulator_port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="Port of the provider simulator; 0 takes a free one."),
    ] = SIMULATOR_PORT,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated market.")] = 7,
    as_json: Announce = False,
) -> None:
    """Run the service on a simulated market: nothing to configure, nothing leaves this machine.

    The provider simulator speaks the real protocols of all providers; at the address that is printed faults
    can be switched on. Stocks keep New York's hours, BTC-USD and ETH-USD trade always.
    Its data are its own: `market-data bars BTC-USD --demo` shows them.
    """
    from market_data.cli import serve

    serve.run(lambda: serve.simulated(port, simulator_port, seed, as_json=as_json))


@app.command("serve")
def serve_(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else HOST, or the loopback.")
    ] = None,
    port: Port = None,
    as_json: Announce = False,
) -> None:
    """Run the service with real providers.

    Without DATABASE_URL and RLC_REDIS_URL it brings its own PostgreSQL and Valkey, their data in DATA_DIR.
    Ctrl-C stops everything that was started; the next start finds its data again.
    """
    from market_data.cli import serve

    serve.run(lambda: serve.configured(host, port, as_json=as_json))


@app.command()
def coordinate() -> None:
    """Send the fetch jobs of the whole universe to replicas that run with USE_RLC=true.

    It owns the budgets: no more jobs than the providers' plans allow, T0 first. Several may run; one sends at
    a time. It needs DATABASE_URL and RLC_REDIS_URL, and the same keys and limits as the replicas.
    """
    from market_data.cli import coordinate as work
    from market_data.cli import serve

    serve.run(work.coordinate)


@app.command()
def plan(demo: OfDemo = False, as_json: AsJson = False) -> None:
    """Show how often each tier is asked for, and what the budgets allow, before a call is made."""
    from market_data.cli import coordinate as work

    work.plan(demo=demo, as_json=as_json)


@app.command()
def simulate(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")
    ] = SIMULATOR_PORT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bars for ever.")] = 1,
    recorded: Annotated[
        list[str] | None,
        typer.Option(
            help="Play recorded bars: SYMBOL=FILE.csv or PROVIDER/SYMBOL=FILE.csv; may be repeated."
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Time zone of times without one in recorded files.")
    ] = "America/New_York",
    now: Annotated[
        str | None, typer.Option(help="Let its clock begin at a moment: 2019-11-06T15:00:00Z.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.0, max=3600.0, help="How fast its clock runs.")] = 1.0,
    plan: Annotated[
        list[str] | None,
        typer.Option(help="free, premium or unlimited for all, or PROVIDER=PLAN; may be repeated."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="Switch a fault on: PROVIDER:FAULT\\[=VALUE]\\[@SYMBOL]; may be repeated."),
    ] = None,
    faults: Annotated[
        bool, typer.Option("--faults", help="List the faults that there are, and end.")
    ] = False,
    as_json: Announce = False,
    while_stdin: Annotated[
        bool, typer.Option("--while-stdin", hidden=True, help="Stop when standard input is closed.")
    ] = False,
) -> None:
    """Run a simulator of every provider that speaks their own protocols.

    Bars are recorded ones or made from a seed. Faults are switched on and off while it runs: its page at /
    tells how. Point the service at it with `<PROVIDER>_BASE_URL`, as printed when it starts.
    """
    from market_data.cli import simulate as work

    if faults:
        work.list_faults()
        return
    work.run(
        work.read_config(seed, recorded or (), plan or (), fault or (), timezone),
        work.read_clock(now, speed),
        host,
        port,
        as_json=as_json,
        while_stdin=while_stdin,
    )


@app.command()
def migrate(demo: OfDemo = False, as_json: AsJson = False) -> None:
    """Make the tables in the database of DATABASE_URL, or in the embedded one, or bring them up to date.

    It may run while the service does, and again at any time: where nothing is missing nothing is touched.
    The same files can be applied with `psql -f db/migrations/20251008_market_data_core.sql`.
    """
    from market_data.cli import migrate as work

    work.run(demo=demo, as_json=as_json)


@app.command()
def bars(
    symbol: Annotated[str, typer.Argument(help="Symbol, such as AAPL.")],
    *,
    interval: AnyLength = "1m",
    start: Annotated[str | None, typer.Option(help="First moment: 2025-10-08T14:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="First moment after the window.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Bars at most; else 20, or all of a --format.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Show what was known at this moment.")] = None,
    session: AnySession = None,
    anchor: AnyAnchor = "session",
    adjustment: AnyLevel = None,
    quarantined: Quarantined = False,
    format_: Annotated[
        Literal["json", "csv", "ndjson", "arrow", "parquet"] | None,
        typer.Option("--format", help="Write them as the API answers."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where --format writes to; else standard output.")
    ] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
) -> None:
    """Show bars: the newest, or from `--start` on. It may be used while the service runs.

    1m bars and days are read as they are stored, others are built from minutes. `--format` without `--limit`
    writes the whole window from `--start` on.
    """
    from market_data.cli import bars as work
    from market_data.formats import Format
    from market_data.market.anchor import Anchor
    from market_data.market.bar import Adjustment
    from market_data.market.session import Hours

    level = Adjustment(adjustment) if adjustment else None
    hours = Hours(session) if session else None
    wanted = work.Wanted(
        symbol, interval, start, end, limit, as_of, hours, Anchor(anchor), level, quarantined
    )
    form = format_ or ("csv" if as_csv else None)
    if output is not None and form is None:
        raise typer.BadParameter("name the format too, with --format", param_hint="--output")
    if form:
        work.save(wanted, Format(form), output, demo=demo)
    else:
        work.show(wanted, demo=demo, as_json=as_json)


@app.command()
def coverage(
    symbol: Annotated[str, typer.Argument(help="Symbol, such as AAPL.")],
    *,
    interval: Annotated[Interval, typer.Option(help="1m or 1d, as stored.")] = Interval.M1,
    start: Annotated[str | None, typer.Option(help="First moment: 2025-10-08T14:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="First moment after the window.")] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Say of each minute or day of a window what is known of it: filled, vacant, queued, failed and why."""
    from market_data.cli import backfill as work

    work.coverage(symbol, interval, start=start, end=end, demo=demo, as_json=as_json)


@app.command()
def doctor(
    ask: Annotated[bool, typer.Option(help="Ask each provider once for each capability.")] = True,
    as_json: AsJson = False,
) -> None:
    """Tell what is configured, reachable, entitled and missing; exit code 1 if the service could not work.

    Each provider that has its key is asked one question a capability, which counts in its plan; `--no-ask`
    asks none.
    """
    from market_data.cli import doctor as work

    work.run(ask=ask, as_json=as_json)


AnyTier = Annotated[Tier | None, typer.Option(help="Only of this tier.")]


@backfill.command("add")
def backfill_add(
    symbol: Annotated[str, typer.Argument(help="Symbol, such as AAPL.")],
    *,
    start: Annotated[str, typer.Option(help="First moment: 2025-10-08T14:00:00Z.")],
    end: Annotated[str, typer.Option(help="First moment after the window.")],
    interval: Annotated[Interval, typer.Option(help="1m or 1d, as stored.")] = Interval.M1,
    tier: Annotated[Tier, typer.Option(help="How soon: as if it were of this tier.")] = Tier.T0,
    force: Annotated[bool, typer.Option("--force", help="Ask again for what is filled, too.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Queue what is missing of a window; the service does it while it runs. Nothing is queued twice."""
    from market_data.cli import backfill as work

    work.add(symbol, interval, start=start, end=end, tier=tier, force=force, demo=demo, as_json=as_json)


@backfill.command("list")
def backfill_list(
    *,
    status: Annotated[
        str | None, typer.Option(help="queued, running, done or dead; without it, all.")
    ] = None,
    tier: AnyTier = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Backfills at most.")] = 20,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show backfills, newest first; the dead ones with why."""
    from market_data.cli import backfill as work

    work.listed(status=work.read_status(status), tier=tier, limit=limit, demo=demo, as_json=as_json)


@backfill.command("watch")
def backfill_watch(demo: OfDemo = False) -> None:
    """Show the progress until nothing is left to do; Ctrl-C ends the view, not the work."""
    from market_data.cli import backfill as work

    work.watch(demo=demo)


@backfill.command("requeue")
def backfill_requeue(
    number: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST_ID, help="The id of a dead letter; without it, all.")
    ] = None,
    *,
    tier: AnyTier = None,
    demo: OfDemo = False,
) -> None:
    """Queue dead letters again, with all their attempts before them."""
    from market_data.cli import backfill as work

    work.requeue(number, tier=tier, demo=demo)


@backfill.command("delete")
def backfill_delete(
    number: Annotated[int, typer.Argument(min=1, max=LARGEST_ID, help="The id of a dead letter.")],
    demo: OfDemo = False,
) -> None:
    """Delete a dead letter."""
    from market_data.cli import backfill as work

    work.discard(number, demo=demo)
