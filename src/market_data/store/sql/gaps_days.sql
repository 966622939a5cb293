-- The days that are missing: of the symbols $1 and the days $2 those without a final or quarantined bar or a vacancy.
-- A vacancy counts until it is to be looked at again, judged at $3; with $3 NULL, if it is proven: confirmed, or a
-- witness has sent a newer bar of the symbol.
SELECT wanted.symbol, wanted.day
FROM unnest($1::text[], $2::timestamptz[]) AS wanted (symbol, day)
WHERE NOT EXISTS (
    SELECT FROM candles_daily WHERE symbol = wanted.symbol AND ts = wanted.day AND status <> 'partial'
) AND NOT EXISTS (
    SELECT FROM vacancies
    WHERE symbol = wanted.symbol AND interval = '1d' AND start_ts <= wanted.day AND end_ts > wanted.day
      AND CASE WHEN $3::timestamptz IS NULL THEN confirmed OR newer ELSE coalesce(look_at > $3, true) END
) AND NOT EXISTS (
    SELECT FROM quarantined_bars WHERE symbol = wanted.symbol AND interval = '1d' AND ts = wanted.day
      AND decision IS NULL AND reason <> 'differs'
)
ORDER BY wanted.symbol, wanted.day
