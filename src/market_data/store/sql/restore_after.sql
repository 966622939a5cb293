-- The restore is over: TimescaleDB works again.
SELECT timescaledb_post_restore();
