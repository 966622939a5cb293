"""The work of market-data migrate: makes the tables."""

from market_data.cli import stores
from market_data.cli.output import print_json, say
from market_data.store import touched
from market_data.store.connect import Database, describe
from market_data.store.connect import migrate as apply


def run(*, as_json: bool) -> None:
    """Apply every migration and say what the database is."""

    async def work(database: Database) -> tuple[list[str], dict[str, object]]:
        names = await apply(database)
        while await touched.refresh(database):  # each turn builds some of what was there before
            pass
        return names, await describe(database)

    applied, state = stores.run(work, make=True)
    if as_json:
        print_json({"applied": applied, "database": state})
        return
    for name in applied:
        say(f"applied {name}")
    scale = state["timescaledb"]
    extension = f"TimescaleDB {scale}" if scale else "without TimescaleDB"
    say(f"PostgreSQL {state['postgresql']}, {extension}: ready")
