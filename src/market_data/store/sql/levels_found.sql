-- The minutes of a series ($1, $2) of each provider that are not labelled raw, when the first and the last of them open, and
-- when the last one was learned.
SELECT provider, count(*) AS bars, extract(epoch FROM min(ts))::bigint AS first, extract(epoch FROM max(ts))::bigint AS last,
       extract(epoch FROM max(as_of))::float8 AS learned
FROM candles_intraday
WHERE symbol = $1 AND interval = $2 AND adjustment <> 'raw'
  AND ts >= '1900-01-01T00:00:00Z' AND ts < '2100-01-01T00:00:00Z'
GROUP BY provider
ORDER BY provider
