-- Deletes a dead letter; returns its id.
DELETE FROM backfill_jobs WHERE id = $1 AND status = 'dead' RETURNING id
