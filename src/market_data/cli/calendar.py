"""The work of market-data calendar: announced closures, made, shown and revoked."""

import time

from rich.table import Table

from market_data import closures
from market_data.cli import stores
from market_data.cli.output import data, print_json, say
from market_data.errors import BadQuestion
from market_data.events import Event
from market_data.market.closure import Closure
from market_data.market.row import LARGEST_ID
from market_data.market.span import moment
from market_data.serve.window import read_datetime
from market_data.store.connect import Database


def close(exchange: str, day: str, at: str | None, reason: str, *, demo: bool, as_json: bool) -> None:
    """Announce a closure or an early close."""

    async def work(database: Database) -> Closure:
        now = moment(time.time())
        return await closures.announce(database, exchange, day, at, reason, now=now, tell=_unheard)

    made = stores.run(work, demo=demo)
    if as_json:
        print_json(made)
    else:
        say(f"{made.id}: {made.calendar} {made.day} {made.effect}, {made.reason}")


def show(exchange: str | None, at: str | None, *, everything: bool, demo: bool, as_json: bool) -> None:
    """Print what is announced."""
    as_of = None if at is None else read_datetime("--as-of", at)
    found = stores.run(
        lambda database: closures.listed(database, exchange=exchange, as_of=as_of, revoked=everything),
        demo=demo,
    )
    if as_json:
        print_json(found)
    elif found:
        table = Table("id", "calendar", "day", "effect", "reason", "learned (UTC)", "revoked")
        for one in found:
            revoked = f"{one.revoked_at:%Y-%m-%d %H:%M}" if one.revoked_at else ""
            learned = f"{one.learned_at:%Y-%m-%d %H:%M}"
            table.add_row(str(one.id), one.calendar, str(one.day), one.effect, one.reason, learned, revoked)
        data.print(table)
    else:
        say("nothing is announced")


def revoke(which: str, day: str | None, *, demo: bool) -> None:
    """Revoke an announcement, by its id or by its exchange and day."""
    if day is None and not which.isdecimal():
        raise BadQuestion(f"{which[:40]!r} is no id: give an id, or an exchange and a day")

    async def work(database: Database) -> Closure:
        number = int(which) if day is None else (await closures.on_day(database, which, day)).id
        now = moment(time.time())
        return await closures.revoke(database, min(number, LARGEST_ID), now=now, tell=_unheard)

    gone = stores.run(work, demo=demo)
    say(f"{gone.id}: {gone.calendar} {gone.day} is revoked; the published calendar holds again")


def _unheard(_: Event) -> None:
    """Commands speak for themselves."""
