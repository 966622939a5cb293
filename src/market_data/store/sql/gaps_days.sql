-- The days that are missing: of the symbols $1 and the days $2 those without a final bar or a vacancy.
SELECT wanted.symbol, wanted.day
FROM unnest($1::text[], $2::timestamptz[]) AS wanted (symbol, day)
WHERE NOT EXISTS (
    SELECT FROM candles_daily WHERE symbol = wanted.symbol AND ts = wanted.day AND status <> 'partial'
) AND NOT EXISTS (
    SELECT FROM vacancies
    WHERE symbol = wanted.symbol AND interval = '1d' AND start_ts <= wanted.day AND end_ts > wanted.day
)
ORDER BY wanted.symbol, wanted.day
