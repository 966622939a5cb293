-- Backfills with status $1 (NULL: any), tier $2 (NULL: any), with an id below $3 (NULL: any), newest first.
SELECT id, symbol, interval, start_ts, end_ts, tier, status, attempts, next_attempt_at, last_error, restated_by, reason, forced, answers,
       created_at, settled_at
FROM backfill_jobs
WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR tier = $2) AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4
