-- Deletes at most $2 of the backfills that were done before $1; returns how many.
WITH old AS (
    SELECT ctid FROM backfill_jobs
    WHERE settled_at < $1 AND status = 'done'
    LIMIT $2
), gone AS (
    DELETE FROM backfill_jobs WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
