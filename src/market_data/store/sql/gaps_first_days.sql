-- The first 1d bar of each of the symbols $1; NULL where there is none.
SELECT wanted.symbol,
       (SELECT extract(epoch FROM min(ts))::bigint FROM candles_daily
        WHERE symbol = wanted.symbol AND interval = '1d' AND ts >= '1900-01-01T00:00:00Z' AND ts < '2100-01-01T00:00:00Z') AS first
FROM unnest($1::text[]) AS wanted (symbol)
