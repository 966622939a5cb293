-- Puts dead letters back: the one of $1, or with NULL all of tier $2 (NULL: all); returns their ids.
UPDATE backfill_jobs
SET status = 'queued', attempts = 0, postponed = 0, next_attempt_at = now(), ready = true, settled_at = NULL
WHERE status = 'dead' AND ($1::bigint IS NULL OR id = $1) AND ($2::text IS NULL OR tier = $2)
RETURNING id
