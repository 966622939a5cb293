-- What this database is, and whether our tables and their versions are there. No lock on a table is taken.
SELECT current_setting('server_version') AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean) AS writable,
       (SELECT current_setting('timescaledb.license', true) FROM pg_extension WHERE extname = 'timescaledb') AS license,
       to_regclass('candles_intraday') IS NOT NULL AS migrated,
       to_regclass('schema_version') IS NOT NULL AS versioned
