-- The symbols of $1 that have been asked for, but of which no source has ever given a bar of any interval.
SELECT symbol
FROM ingestion_cursor
WHERE symbol = ANY ($1::text[])
GROUP BY symbol
HAVING max(last_bar) IS NULL
