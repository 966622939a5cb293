-- Of the symbols $1, those with fewer than $4 final 1m bars in [$2, $3); one pass over the rows of the span.
-- The few partial ones come from an index of their own: looking at each row's status would cost a third more.
SELECT wanted.symbol
FROM unnest($1::text[]) AS wanted (symbol)
LEFT JOIN (
    SELECT symbol, count(*) AS bars
    FROM candles_intraday
    WHERE interval = '1m' AND ts >= $2 AND ts < $3
    GROUP BY symbol
) AS held USING (symbol)
LEFT JOIN (
    SELECT symbol, count(*) AS bars
    FROM candles_intraday
    WHERE status = 'partial' AND interval = '1m' AND ts >= $2 AND ts < $3
    GROUP BY symbol
) AS running USING (symbol)
WHERE coalesce(held.bars, 0) - coalesce(running.bars, 0) < $4
