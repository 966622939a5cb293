-- One row where TimescaleDB's retention policies are ours to follow.
SELECT WHERE to_regclass('retention_set') IS NOT NULL
