-- Claims up to $3 backfills of tier $2 for $1, newest first and rechecks last, under a lease of $4; one whose lease ran out too.
UPDATE backfill_jobs
SET status = 'running', lease_owner = $1, lease_until = now() + $4::interval, attempts = attempts + 1
WHERE id IN (
    SELECT id
    FROM backfill_jobs
    WHERE tier = $2
      AND (status = 'queued' AND next_attempt_at <= now() OR status = 'running' AND lease_until < now())
    ORDER BY reason = 'recheck', end_ts DESC
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
RETURNING id, symbol, interval, start_ts, end_ts, tier, attempts, restated_by, forced, postponed,
          extract(epoch FROM now() - created_at)::float8 AS age
