-- The days of $4 that are missing of each of the symbols $1, from $2 to before $3: without a final or
-- quarantined bar or a vacancy; $5 as $3 of gaps_days.sql.
SELECT wanted.symbol, day.ts AS day
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS wanted (symbol, start_ts, end_ts)
JOIN unnest($4::timestamptz[]) AS day (ts) ON day.ts >= wanted.start_ts AND day.ts < wanted.end_ts
WHERE NOT EXISTS (
    SELECT FROM candles_daily WHERE symbol = wanted.symbol AND ts = day.ts AND status <> 'partial'
) AND NOT EXISTS (
    SELECT FROM vacancies
    WHERE symbol = wanted.symbol AND interval = '1d' AND start_ts <= day.ts AND end_ts > day.ts
      AND CASE WHEN $5::timestamptz IS NULL THEN confirmed OR newer ELSE coalesce(look_at > $5, true) END
) AND NOT EXISTS (
    SELECT FROM quarantined_bars WHERE symbol = wanted.symbol AND interval = '1d' AND ts = day.ts
      AND decision IS NULL AND reason <> 'differs'
)
ORDER BY 1, 2
