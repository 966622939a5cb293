"""What is in the tables of a database, so that it can be compared with what is in them later."""

import asyncpg

COLUMNS = """
SELECT table_name AS table, array_agg(quote_ident(column_name) ORDER BY ordinal_position) AS columns
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'schema_version'
GROUP BY table_name
"""

Columns = dict[str, str]
"""Of each table its columns."""
Rows = dict[str, list[str]]
"""Of each table the rows as text, sorted."""


async def columns_of(url: str) -> Columns:
    """The tables as they are."""
    connection = await asyncpg.connect(url)
    try:
        return {one["table"]: ", ".join(one["columns"]) for one in await connection.fetch(COLUMNS)}
    finally:
        await connection.close()


async def rows_of(url: str, columns: Columns) -> Rows:
    """All rows, without columns that are newer than `columns`."""
    connection = await asyncpg.connect(url)
    try:
        return {
            table: [
                one["row"]
                for one in await connection.fetch(
                    f"SELECT one::text AS row FROM (SELECT {names} FROM {table}) AS one ORDER BY 1"  # noqa: S608
                )
            ]
            for table, names in columns.items()
        }
    finally:
        await connection.close()
