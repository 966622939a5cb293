-- By symbol of $1, the newest 1m bar that opens in [$2, $3), final or not.
SELECT symbol, max(ts) AS newest
FROM candles_intraday
WHERE symbol = ANY ($1::text[]) AND interval = '1m' AND ts >= $2 AND ts < $3
GROUP BY symbol
