"""market-data migrate: makes the tables."""

from typing import Annotated

import typer

from market_data.cli.output import print_json, words
from market_data.cli.stores import run
from market_data.store.connect import Database, describe
from market_data.store.connect import migrate as apply


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Print what the database is as JSON.")] = False,
) -> None:
    """Make the tables in the database of DATABASE_URL, or in the embedded one; safe to run again.

    The same files can be applied with `psql -f db/migrations/20251008_market_data_core.sql`.
    """

    async def work(database: Database) -> tuple[list[str], dict[str, object]]:
        return await apply(database), await describe(database)

    applied, state = run(work)
    if as_json:
        print_json({"applied": applied, "database": state})
        return
    for name in applied:
        words.print(f"applied {name}", highlight=False)
    scale = state["timescaledb"]
    extension = f"TimescaleDB {scale}" if scale else "without TimescaleDB"
    words.print(f"PostgreSQL {state['postgresql']}, {extension}: ready", highlight=False)
