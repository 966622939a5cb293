-- The days of $2 that are missing of each of the symbols $1: those without a final bar or a vacancy.
SELECT wanted.symbol, day.ts AS day
FROM unnest($1::text[]) AS wanted (symbol) CROSS JOIN unnest($2::timestamptz[]) AS day (ts)
WHERE NOT EXISTS (
    SELECT FROM candles_daily WHERE symbol = wanted.symbol AND ts = day.ts AND status <> 'partial'
) AND NOT EXISTS (
    SELECT FROM vacancies
    WHERE symbol = wanted.symbol AND interval = '1d' AND start_ts <= day.ts AND end_ts > day.ts
)
ORDER BY 1, 2
