-- How far each active series has been asked for, whoever was asked.
SELECT c.symbol, c.interval,
       max(extract(epoch FROM c.through))::bigint AS through,
       max(extract(epoch FROM c.asked_at))::float8 AS asked_at
FROM ingestion_cursor AS c JOIN symbol_universe AS u USING (symbol)
WHERE u.active
GROUP BY c.symbol, c.interval
