-- The first 1d bar of each of the symbols $1; NULL where there is none.
SELECT wanted.symbol,
       (SELECT extract(epoch FROM min(ts))::bigint FROM candles_daily
        WHERE symbol = wanted.symbol AND interval = '1d') AS first
FROM unnest($1::text[]) AS wanted (symbol)
