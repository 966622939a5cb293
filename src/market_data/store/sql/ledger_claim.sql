-- Claims up to $3 backfills of tier $2 for $1, newest first and rechecks last, under a lease of $4; one whose lease ran out too.
-- Both parts end at the first $3 rows that nobody has locked. A row that an older program queued may be marked as ready
-- before its time, which is why that is compared too.
WITH abandoned AS (
    SELECT id, reason = 'recheck' AS last, end_ts
    FROM backfill_jobs
    WHERE tier = $2 AND status = 'running' AND lease_until < now()
    ORDER BY 2, end_ts DESC
    LIMIT $3
    FOR UPDATE SKIP LOCKED
), ready AS (
    SELECT id, reason = 'recheck' AS last, end_ts
    FROM backfill_jobs
    WHERE tier = $2 AND status = 'queued' AND ready AND next_attempt_at <= now()
    ORDER BY 2, end_ts DESC
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
UPDATE backfill_jobs
SET status = 'running', lease_owner = $1, lease_until = now() + $4::interval, attempts = attempts + 1
WHERE id IN (
    SELECT id FROM (SELECT * FROM abandoned UNION ALL SELECT * FROM ready) AS first ORDER BY last, end_ts DESC LIMIT $3
)
RETURNING id, symbol, interval, start_ts, end_ts, tier, attempts, restated_by, forced, postponed,
          extract(epoch FROM now() - created_at)::float8 AS age
