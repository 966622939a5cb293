-- Of each of the plain tables $1 its bytes, with indexes, and about how many rows it has, as last counted by (auto)vacuum.
SELECT relname::text AS "table", pg_total_relation_size(oid)::float8 AS bytes, greatest(reltuples, 0)::float8 AS rows
FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname = ANY ($1::text[])
