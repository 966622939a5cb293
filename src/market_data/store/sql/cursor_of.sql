-- How far one series has been asked for, whoever was asked.
SELECT max(extract(epoch FROM through))::bigint AS through, max(extract(epoch FROM asked_at))::float8 AS asked_at
FROM ingestion_cursor
WHERE symbol = $1 AND interval = $2
