-- The symbols of $1 that have a 1m bar, final or not, that opens in [$2, $3).
SELECT DISTINCT symbol
FROM candles_intraday
WHERE symbol = ANY ($1::text[]) AND interval = '1m' AND ts >= $2 AND ts < $3
