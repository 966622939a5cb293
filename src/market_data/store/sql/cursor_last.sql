-- When any series was asked for last.
SELECT max(extract(epoch FROM asked_at))::float8 AS asked_at FROM ingestion_cursor
