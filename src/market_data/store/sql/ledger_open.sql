-- The unfinished backfills of the series of an interval: waiting, running, and dead.
SELECT id, symbol, start_ts, end_ts, status, last_error, restated_by, postponed, forced
FROM backfill_jobs
WHERE symbol = ANY ($1::text[]) AND interval = $2 AND status <> 'done'
ORDER BY symbol, start_ts
