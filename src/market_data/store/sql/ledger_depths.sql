-- By tier the backfills that wait, run and are dead, and since when the oldest of the first two has waited.
SELECT tier,
       count(*) FILTER (WHERE status = 'queued') AS queued,
       count(*) FILTER (WHERE status = 'running') AS running,
       count(*) FILTER (WHERE status = 'dead') AS dead,
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE status IN ('queued', 'running'))), 0)::float8
           AS oldest_age
FROM backfill_jobs
WHERE status <> 'done'
GROUP BY tier
