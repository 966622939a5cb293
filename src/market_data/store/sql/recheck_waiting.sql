-- How many rechecks wait or run.
SELECT count(*) AS waiting FROM backfill_jobs WHERE status IN ('queued', 'running') AND reason = 'recheck'
