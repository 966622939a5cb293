-- Ends an attempt of the owner $2; nothing where the lease has gone to another. $6: no attempt was used up.
UPDATE backfill_jobs
SET status = $3, last_error = $4, answers = answers || $5::jsonb, next_attempt_at = now() + $7::interval,
    attempts = attempts - CASE WHEN $6 THEN 1 ELSE 0 END,
    settled_at = CASE WHEN $3 IN ('done', 'dead') THEN now() END, lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_owner = $2 AND status = 'running'
RETURNING id
