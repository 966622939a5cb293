-- The symbols of $1 that have been asked for bars of interval $2, but of which no source has ever given one.
SELECT symbol
FROM ingestion_cursor
WHERE symbol = ANY ($1::text[]) AND interval = $2
GROUP BY symbol
HAVING max(last_bar) IS NULL
