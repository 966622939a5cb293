"""The work of market-data quality: lists quarantined bars, and keeps what an operator decides about them."""

import getpass
import time
from collections.abc import Sequence

from rich.table import Table

from market_data.cli import stores
from market_data.cli.instrument import symbol_of
from market_data.cli.output import data, print_json, say
from market_data.errors import BadQuestion
from market_data.market.capability import CAPABILITIES
from market_data.market.interval import Interval
from market_data.store import decisions, quarantine
from market_data.store.decisions import Decision
from market_data.store.quarantine import Listed


def show(
    symbol: str | None, interval: Interval | None, *, decided: bool, limit: int, demo: bool, as_json: bool
) -> None:
    """Print quarantined bars, newest first."""
    if interval is not None and interval not in CAPABILITIES:
        raise BadQuestion(f"--interval: {interval} bars are built from 1m bars: use 1m or 1d")
    name = None if symbol is None else symbol_of(symbol)
    found = stores.run(
        lambda database: quarantine.listed(
            database, symbol=name, interval=interval, limit=limit, decided=decided
        ),
        demo=demo,
    )
    if as_json:
        print_json(found)
    elif found:
        data.print(_table(found))
    else:
        say("no quarantined bars")


def accept(number: int, reason: str, by: str | None, *, demo: bool) -> None:
    """Store a quarantined bar."""
    decision = _decision(by, reason)
    bar = stores.run(lambda database: decisions.accept(database, number, decision), demo=demo)
    say(f"stored: {bar}")


def reject(number: int, reason: str, by: str | None, *, demo: bool) -> None:
    """Reject a quarantined bar."""
    decision = _decision(by, reason)
    bar = stores.run(lambda database: decisions.reject(database, number, decision), demo=demo)
    say(f"rejected: {bar}")


def _decision(by: str | None, reason: str) -> Decision:
    if not reason.strip():
        raise BadQuestion("--reason: it is empty; say why, such as --reason 'halted on news'")
    try:
        name = by or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        raise BadQuestion("--by: this user has no name here; say who decides") from None
    return Decision(name, reason, time.time())


def _table(found: Sequence[Listed]) -> Table:
    table = Table("id", "series", "time (UTC)", "close", "provider", "reason", "evidence", "served", "state")
    for one in found:
        served = "" if one.stored_close is None else f"{one.stored_close:,.10g} of {one.stored_provider}"
        table.add_row(
            str(one.id),
            f"{one.symbol} {one.interval}",
            f"{one.ts:%Y-%m-%d %H:%M}",
            f"{one.close:,.10g}",
            one.provider,
            one.reason,
            one.evidence,
            served,
            _state(one),
        )
    return table


def _state(one: Listed) -> str:
    if one.decision is not None:
        return f"{one.decision} by {one.decided_by}: {one.decided_why}"
    return "contradicted" if one.contradicted else "open"
