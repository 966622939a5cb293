-- Marks queued backfills whose time has come as ready to be claimed, those that have waited longest first, at most $1.
UPDATE backfill_jobs
SET ready = true
WHERE id IN (
    SELECT id
    FROM backfill_jobs
    WHERE status = 'queued' AND NOT ready AND next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
)
