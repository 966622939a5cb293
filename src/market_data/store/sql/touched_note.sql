-- Notes spans of 5-minute buckets whose bars of TimescaleDB are to be built anew; elsewhere they are views.
INSERT INTO candles_touched (start_ts, end_ts)
SELECT start_ts, end_ts
FROM unnest($1::timestamptz[], $2::timestamptz[]) AS span (start_ts, end_ts)
WHERE to_regprocedure('candles_refresh(integer)') IS NOT NULL
