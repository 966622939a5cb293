-- The symbols of $1 that have been asked for bars of interval $2, whoever was asked.
SELECT DISTINCT symbol FROM ingestion_cursor WHERE symbol = ANY ($1::text[]) AND interval = $2
