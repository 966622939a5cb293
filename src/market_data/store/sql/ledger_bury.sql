-- Adds a dead letter for a span that cannot be filled, with why.
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, status, last_error, settled_at)
VALUES ($1, $2, $3, $4, $5, 'dead', $6, now())
