-- Deletes at most $2 of the bars within a day that open before $1; returns how many. On TimescaleDB a policy drops whole chunks.
WITH old AS (
    SELECT ctid FROM candles_intraday
    WHERE ts < $1 AND to_regprocedure('candles_refresh(integer)') IS NULL
    LIMIT $2
), gone AS (
    DELETE FROM candles_intraday WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
