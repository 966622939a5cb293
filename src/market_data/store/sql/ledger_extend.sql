-- Extends the leases of $1 on its running backfills $2; returns those that are still its own.
UPDATE backfill_jobs SET lease_until = now() + $3::interval
WHERE id = ANY ($2::bigint[]) AND lease_owner = $1 AND status = 'running'
RETURNING id
