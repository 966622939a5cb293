-- Of the symbols $1, those that have final 1d bars of fewer than $4 days in [$2, $3). A day with two adjustments is one.
SELECT wanted.symbol
FROM unnest($1::text[]) AS wanted (symbol)
LEFT JOIN (
    SELECT symbol, count(DISTINCT ts) AS days
    FROM candles_daily
    WHERE interval = '1d' AND ts >= $2 AND ts < $3 AND status <> 'partial'
    GROUP BY symbol
) AS held USING (symbol)
WHERE coalesce(held.days, 0) < $4
