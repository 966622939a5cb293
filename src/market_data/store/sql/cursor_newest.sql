-- The newest final bar of each active series of an interval.
SELECT c.symbol, max(extract(epoch FROM c.last_bar))::bigint AS last_bar
FROM ingestion_cursor AS c JOIN symbol_universe AS u USING (symbol)
WHERE u.active AND c.interval = $1 AND c.last_bar IS NOT NULL
GROUP BY c.symbol
