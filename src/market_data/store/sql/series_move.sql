-- The series changed at $3 (NULL: it did not), its cursor at the source $4 moves forward at $10 (NULL: not), and the
-- spans of 5-minute buckets [$8, $9) have late bars: those of TimescaleDB are to be built anew; elsewhere they are views.
WITH moved AS (
    UPDATE series_heads SET as_of = $3 WHERE symbol = $1 AND interval = $2 AND $3::timestamptz IS NOT NULL
), touched AS (
    INSERT INTO candles_touched (start_ts, end_ts)
    SELECT start_ts, end_ts
    FROM unnest($8::timestamptz[], $9::timestamptz[]) AS span (start_ts, end_ts)
    WHERE to_regprocedure('candles_refresh(integer)') IS NOT NULL
)
INSERT INTO ingestion_cursor AS known (symbol, interval, source, through, last_bar, asked_at, known_at)
SELECT $1, $2, $4, $5, $6, $7, $10 WHERE $4::text IS NOT NULL
ON CONFLICT (symbol, interval, source) DO UPDATE
SET through = greatest(known.through, EXCLUDED.through),
    last_bar = greatest(known.last_bar, EXCLUDED.last_bar),
    asked_at = greatest(known.asked_at, EXCLUDED.asked_at),
    known_at = EXCLUDED.known_at
