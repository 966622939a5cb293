-- The newest final bar that each source has given of a series.
SELECT source, extract(epoch FROM last_bar)::bigint AS newest
FROM ingestion_cursor
WHERE symbol = $1 AND interval = $2 AND last_bar IS NOT NULL
