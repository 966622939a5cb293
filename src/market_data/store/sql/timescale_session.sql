-- Sets up a session on TimescaleDB. Statements are planned for their own values, which tell the chunks apart: a plan for any
-- values locks and opens all chunks of a year each time. And a transaction may unpack as many compressed bars as it
-- writes to, where versions limit that (2.11 and later): the size of a write has bounds of its own.
SELECT set_config('plan_cache_mode', 'force_custom_plan', false),
       CASE WHEN current_setting('timescaledb.max_tuples_decompressed_per_dml_transaction', true) IS NOT NULL
            THEN set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', false) END
FROM pg_extension WHERE extname = 'timescaledb'
