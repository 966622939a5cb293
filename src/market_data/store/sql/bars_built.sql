-- Bars of a longer interval built from 1m bars, anchored at $7, that open in [$2, $3); with $5, as known then.
SELECT date_bin($6::interval, ts, $7) AS ts,
       (array_agg(open ORDER BY ts))[1] AS open,
       max(high) AS high,
       min(low) AS low,
       (array_agg(close ORDER BY ts DESC))[1] AS close,
       sum(volume) AS volume,
       string_agg(DISTINCT provider, '+' ORDER BY provider) AS provider,
       max(as_of) AS as_of,
       CASE WHEN bool_or(status = 'partial') THEN 'partial' WHEN bool_or(status = 'corrected') THEN 'corrected'
            ELSE 'final' END AS status,
       sum(revision)::integer AS revision,
       string_agg(DISTINCT adjustment, '+' ORDER BY adjustment) AS adjustment,
       string_agg(DISTINCT volume_scope, '+' ORDER BY volume_scope) AS volume_scope
FROM (
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM candles_intraday
    WHERE symbol = $1 AND interval = '1m' AND ts >= $2 AND ts < $3 AND ($5::timestamptz IS NULL OR as_of <= $5)
    UNION ALL
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM candle_revisions
    WHERE symbol = $1 AND interval = '1m' AND ts >= $2 AND ts < $3 AND as_of <= $5 AND superseded_at > $5
) AS bar
GROUP BY 1
ORDER BY 1
LIMIT $4
