-- One cursor.
SELECT through, last_bar, asked_at FROM ingestion_cursor WHERE symbol = $1 AND interval = $2 AND source = $3
