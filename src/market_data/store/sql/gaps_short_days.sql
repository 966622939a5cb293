-- Of the symbols $1, those that have fewer than $4 final 1d bars in [$2, $3) of some adjustment, or none at all: who has
-- all is told by counting, and days that two adjustments fill together are looked at one by one. To count each day once
-- would take three times as long.
SELECT wanted.symbol
FROM unnest($1::text[]) AS wanted (symbol)
LEFT JOIN (
    SELECT symbol, min(days) AS days
    FROM (
        SELECT symbol, count(*) AS days
        FROM candles_daily
        WHERE interval = '1d' AND ts >= $2 AND ts < $3 AND status <> 'partial'
        GROUP BY symbol, adjustment
    ) AS adjusted
    GROUP BY symbol
) AS held USING (symbol)
WHERE coalesce(held.days, 0) < $4
