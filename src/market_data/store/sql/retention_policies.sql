-- Of each hypertable the days after which its chunks are dropped (0: never), and whether that is not what the service has set.
WITH found AS (
    SELECT tables.hypertable_name::text AS "table",
           coalesce((SELECT extract(epoch FROM (config ->> 'drop_after')::interval) / 86400
                     FROM timescaledb_information.jobs
                     WHERE proc_name = 'policy_retention' AND jobs.hypertable_name = tables.hypertable_name AND scheduled),
                    0)::float8 AS days
    FROM timescaledb_information.hypertables AS tables
    WHERE tables.hypertable_schema = current_schema()
)
SELECT found.*, found.days IS DISTINCT FROM ours.days AS by_hand
FROM found LEFT JOIN retention_set AS ours ON ours.hypertable = found."table"
ORDER BY 1
