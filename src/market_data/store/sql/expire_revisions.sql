-- Deletes at most $2 of the values that were superseded before $1; returns how many. On TimescaleDB a policy drops whole chunks.
-- A value was learned before it was superseded: that leads to it by an index.
WITH old AS (
    SELECT ctid FROM candle_revisions
    WHERE superseded_at < $1 AND as_of < $1 AND to_regprocedure('candles_refresh(integer)') IS NULL
    LIMIT $2
), gone AS (
    DELETE FROM candle_revisions WHERE ctid IN (SELECT ctid FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone
