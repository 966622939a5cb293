-- Deletes the partial values on the pages of the revisions from $1 to before $2 (numbers of 8 kB pages); returns how many, and
-- how many pages there are. On TimescaleDB they are compressed, and dropped with their chunks.
WITH gone AS (
    DELETE FROM candle_revisions
    WHERE ctid >= format('(%s,0)', $1::bigint)::tid AND ctid < format('(%s,0)', $2::bigint)::tid
      AND status = 'partial' AND to_regprocedure('candles_refresh(integer)') IS NULL
    RETURNING 1
)
SELECT count(*) AS gone, pg_relation_size('candle_revisions') / current_setting('block_size')::bigint AS pages FROM gone
