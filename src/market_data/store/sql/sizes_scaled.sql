-- Of each hypertable and each aggregate of TimescaleDB its bytes, with indexes and compressed chunks, and about how many rows
-- it has.
SELECT name AS "table", coalesce(hypertable_size(home), 0)::float8 AS bytes, approximate_row_count(home)::float8 AS rows
FROM (
    SELECT hypertable_name::text AS name, format('%I.%I', hypertable_schema, hypertable_name)::regclass AS home
    FROM timescaledb_information.hypertables
    WHERE hypertable_schema = current_schema()
    UNION ALL
    SELECT view_name, format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates
    WHERE view_schema = current_schema()
) AS made
