-- What was learned of a series in ($3, $4], in that order, also what has been superseded since; at most $5 rows.
SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
FROM (
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    WHERE symbol = $1 AND interval = $2 AND as_of > $3 AND as_of <= $4
    UNION ALL
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM candle_revisions
    WHERE symbol = $1 AND interval = $2 AND as_of > $3 AND as_of <= $4 AND superseded_at > $3  -- for its chunks
) AS bar
ORDER BY as_of, ts, adjustment
LIMIT $5
