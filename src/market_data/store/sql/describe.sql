-- What this database is and whether our tables are there.
SELECT current_setting('server_version') AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       to_regclass('candles_intraday') IS NOT NULL AS migrated,
       to_regclass('quarantined_bars') IS NOT NULL AS has_quarantine
