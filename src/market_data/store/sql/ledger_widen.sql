-- Widens backfills that nobody has claimed yet.
UPDATE backfill_jobs AS job
SET start_ts = least(job.start_ts, wider.start_ts), end_ts = greatest(job.end_ts, wider.end_ts)
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS wider (id, start_ts, end_ts)
WHERE job.id = wider.id AND job.status = 'queued'
