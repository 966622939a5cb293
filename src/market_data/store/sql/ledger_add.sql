-- Adds backfills; returns them.
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, next_attempt_at)
SELECT job.symbol, $2, job.start_ts, job.end_ts, job.tier, now() + job.wait
FROM unnest($1::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::interval[])
     AS job (symbol, start_ts, end_ts, tier, wait)
RETURNING id, symbol, interval, start_ts, end_ts, tier, status, attempts, next_attempt_at, last_error
