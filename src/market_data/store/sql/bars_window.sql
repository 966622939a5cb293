-- Bars that open in [$3, $4), oldest first; with $6, as they were known then.
SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
FROM (
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND ($6::timestamptz IS NULL OR as_of <= $6)
    UNION ALL
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM candle_revisions
    WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND as_of <= $6 AND superseded_at > $6
) AS bar
ORDER BY ts
LIMIT $5
