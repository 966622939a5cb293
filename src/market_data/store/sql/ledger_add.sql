-- Adds backfills; returns them.
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, next_attempt_at, ready, restated_by, reason, forced)
SELECT job.symbol, $2, job.start_ts, job.end_ts, job.tier, now() + job.wait, job.wait <= interval '0',
       job.restated_by, job.reason, job.forced
FROM unnest($1::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::interval[],
            $7::text[], $8::text[], $9::boolean[])
     AS job (symbol, start_ts, end_ts, tier, wait, restated_by, reason, forced)
RETURNING id, symbol, interval, start_ts, end_ts, tier, status, attempts, next_attempt_at, last_error, restated_by,
    reason, forced
