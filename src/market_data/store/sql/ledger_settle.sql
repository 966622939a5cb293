-- Ends an attempt of the owner $2; nothing where the lease has gone to another. $6: it was put off, which is no attempt.
-- Of all that providers answered the newest $8 are kept.
UPDATE backfill_jobs
SET status = $3, last_error = $4, next_attempt_at = now() + $7::interval, ready = $7::interval <= interval '0',
    answers = (SELECT coalesce(jsonb_agg(answer ORDER BY place), '[]')
               FROM (SELECT answer, place
                     FROM jsonb_array_elements(answers || $5::jsonb) WITH ORDINALITY AS each (answer, place)
                     ORDER BY place DESC LIMIT $8) AS newest),
    attempts = attempts - CASE WHEN $6 THEN 1 ELSE 0 END,
    postponed = CASE WHEN $6 THEN postponed + 1 ELSE 0 END,
    settled_at = CASE WHEN $3 IN ('done', 'dead') THEN now() END, lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_owner = $2 AND status = 'running'
RETURNING id
