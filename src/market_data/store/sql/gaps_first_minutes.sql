-- The first 1m bar of each of the symbols $1; NULL where there is none.
SELECT wanted.symbol,
       (SELECT extract(epoch FROM min(ts))::bigint FROM candles_intraday
        WHERE symbol = wanted.symbol AND interval = '1m') AS first
FROM unnest($1::text[]) AS wanted (symbol)
