-- Adds backfills; returns them.
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, next_attempt_at, restated_by)
SELECT job.symbol, $2, job.start_ts, job.end_ts, job.tier, now() + job.wait, job.restated_by
FROM unnest($1::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::interval[],
            $7::text[])
     AS job (symbol, start_ts, end_ts, tier, wait, restated_by)
RETURNING id, symbol, interval, start_ts, end_ts, tier, status, attempts, next_attempt_at, last_error, restated_by
