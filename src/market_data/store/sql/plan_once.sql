-- On TimescaleDB the next statements of this transaction are planned once for all: they need every chunk whatever their
-- values are, and planning for all of them takes longer than reading them.
SELECT set_config('plan_cache_mode', 'force_generic_plan', true) FROM pg_extension WHERE extname = 'timescaledb'
