-- Narrows a backfill to [$2, $3): the rest has its answer.
UPDATE backfill_jobs SET start_ts = $2, end_ts = $3 WHERE id = $1
