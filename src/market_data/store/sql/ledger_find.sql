-- One backfill.
SELECT id, symbol, interval, start_ts, end_ts, tier, status, attempts, next_attempt_at, last_error, restated_by, reason, forced, answers,
       created_at, settled_at
FROM backfill_jobs
WHERE id = $1
