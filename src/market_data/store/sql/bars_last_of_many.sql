-- The newest bars of many series, oldest first within each.
SELECT series.symbol, bar.*
FROM unnest($1::text[]) AS series (symbol)
CROSS JOIN LATERAL (
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    WHERE symbol = series.symbol AND interval = $2 AND ts > {since} AND ts < '2100-01-01T00:00:00Z'
    ORDER BY ts DESC
    LIMIT $3
) AS bar
ORDER BY series.symbol, bar.ts
