-- One writer a series at a time, so that a bar's old value cannot be missed; always in the same order, so
-- that two batches cannot wait for each other.
SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended($1, 0) AS key ORDER BY key) AS keys
