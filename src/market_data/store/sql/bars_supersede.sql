-- Moves the bars that open in [$3, $4] from the table to the revisions, superseded at $6; not those that open at $7.
-- Partial ones are kept there only with $8.
-- They are read and deleted apart: TimescaleDB looks up every chunk again for each row that DELETE returns.
WITH kept AS (
    INSERT INTO candle_revisions (symbol, interval, ts, open, high, low, close, volume, provider, as_of,
                                  superseded_at, status, revision, adjustment, volume_scope, factor)
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, as_of,
           $6, status, revision, adjustment, volume_scope, factor
    FROM {table} AS known
    WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts <= $4 AND ts <> ALL ($7::timestamptz[])
      AND $5::text IS NOT NULL AND {same} AND (status <> 'partial' OR $8::boolean)
)
DELETE FROM {table} AS known
WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts <= $4 AND ts <> ALL ($7::timestamptz[])
  AND $5::text IS NOT NULL AND {same}
