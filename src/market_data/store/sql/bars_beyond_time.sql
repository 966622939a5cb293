-- Of the symbols $1, one bar each whose time no answer can show, such as infinity: only SQL by hand can have written it.
SELECT series.symbol, bar.ts::text AS ts
FROM unnest($1::text[]) AS series (symbol)
CROSS JOIN LATERAL (
    (SELECT ts FROM {table} WHERE symbol = series.symbol AND interval = $2 AND ts >= '2100-01-01T00:00:00Z' LIMIT 1)
    UNION ALL
    (SELECT ts FROM {table} WHERE symbol = series.symbol AND interval = $2 AND ts < '1900-01-01T00:00:00Z' LIMIT 1)
    LIMIT 1
) AS bar
ORDER BY series.symbol
