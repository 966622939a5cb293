-- The $2 dead letters with the next smaller ids than $1.
SELECT id, symbol, interval, start_ts, end_ts, coalesce(last_error, '') AS last_error
FROM backfill_jobs
WHERE status = 'dead' AND id < $1
ORDER BY id DESC
LIMIT $2
