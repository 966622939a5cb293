-- On TimescaleDB the statements of this session are planned for their own values, which tell the chunks apart. A plan for
-- any values locks and opens all chunks of a year each time.
SELECT set_config('plan_cache_mode', 'force_custom_plan', false) FROM pg_extension WHERE extname = 'timescaledb'
