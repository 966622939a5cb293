"""market-data calendar: its commands, options and help; what they need is imported when they run."""

from typing import Annotated

import typer

from market_data.cli.options import AsJson, OfDemo

calendar = typer.Typer(
    no_args_is_help=True,
    help="Announce that an exchange is closed or closes early, against its published calendar.",
)

Exchange = Annotated[str, typer.Argument(help="XNYS, NASDAQ, US, or an ISO 10383 code such as XLON.")]


@calendar.command()
def close(
    exchange: Exchange,
    day: Annotated[str, typer.Argument(help="The date of the session: 2025-01-09.")],
    reason: Annotated[str, typer.Option(help="Why; coverage shows it.")],
    *,
    at: Annotated[
        str | None, typer.Option("--at", help="Closes early at this time, on the exchange's clocks: 13:00.")
    ] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Announce a closure, or with --at an early close. Running replicas follow within seconds.

    Nothing is expected or reported missing in the closed time; what is stored stays.
    """
    from market_data.cli import calendar as work

    work.close(exchange, day, at, reason, demo=demo, as_json=as_json)


@calendar.command("list")
def list_(
    exchange: Annotated[str | None, typer.Argument(help="Only this exchange.")] = None,
    *,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Those in force then: 2025-10-08T14:00:00Z.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were revoked.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show what is announced, newest first."""
    from market_data.cli import calendar as work

    work.show(exchange, as_of, everything=everything, demo=demo, as_json=as_json)


@calendar.command()
def revoke(
    which: Annotated[str, typer.Argument(help="An id of `calendar list`, or an exchange with a day.")],
    day: Annotated[str | None, typer.Argument(help="The date, after an exchange: 2025-01-09.")] = None,
    *,
    demo: OfDemo = False,
) -> None:
    """Take an announcement back; what is missing of its session is then fetched."""
    from market_data.cli import calendar as work

    work.revoke(which, day, demo=demo)
