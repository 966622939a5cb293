-- TimescaleDB leaves its catalogue alone until it is told that the restore is over.
CREATE EXTENSION IF NOT EXISTS timescaledb;
SELECT timescaledb_pre_restore();
