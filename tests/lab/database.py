"""The database's clock: `now()` is the service's time, as on a machine that has one clock."""

from datetime import UTC, datetime

import asyncpg

_TURNED = """
CREATE TABLE lab_clock (now timestamptz NOT NULL, turned timestamptz NOT NULL);
INSERT INTO lab_clock VALUES (pg_catalog.now(), pg_catalog.clock_timestamp());
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now FROM public.lab_clock';
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT now + (pg_catalog.clock_timestamp() - turned) FROM public.lab_clock';
DO $$
DECLARE
    place record;
BEGIN
    FOR place IN SELECT table_name, column_name FROM information_schema.columns
                 WHERE table_schema = 'public' AND column_default = 'now()' LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT public.now()',
                       place.table_name, place.column_name);
    END LOOP;
END
$$;
"""


async def shadow_clock(url: str) -> None:
    """Let what connects from now on read the time from a table: its statements name `now()` unqualified."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_TURNED)
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
    finally:
        await connection.close()


async def turn(connection: "asyncpg.Connection[asyncpg.Record]", now: float) -> None:
    """Set the database's clock to `now` (epoch seconds)."""
    await connection.execute(
        "UPDATE public.lab_clock SET now = $1, turned = pg_catalog.clock_timestamp()",
        datetime.fromtimestamp(now, UTC),
    )
