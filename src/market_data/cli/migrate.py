"""The work of market-data migrate: makes the tables, or brings them up to date."""

from market_data.cli import stores
from market_data.cli.output import print_json, say
from market_data.store import touched
from market_data.store.connect import Database, describe, standing
from market_data.store.connect import migrate as apply
from market_data.store.schema import Standing, Version

Done = tuple[list[Version], Standing, dict[str, object]]


def run(*, demo: bool, as_json: bool) -> None:
    """Apply the steps that the database lacks, and say what it is."""

    async def work(database: Database) -> Done:
        applied = await apply(database, say)
        while await touched.refresh(database):  # each turn builds some of what was there before
            pass
        return applied, await standing(database), await describe(database)

    applied, found, state = stores.run(work, demo=demo, make=True, fitting=False)
    if found.warning:
        say(f"warning: {found.warning}")
    if as_json:
        print_json({"applied": [str(one) for one in applied], "database": state})
        return
    for one in applied:
        say(f"applied {one}")
    if not applied:
        say(f"the schema is up to date: {found}")
    scale = state["timescaledb"]
    extension = f"TimescaleDB {scale}" if scale else "without TimescaleDB"
    say(f"PostgreSQL {state['postgresql']}, {extension}: ready")
