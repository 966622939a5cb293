-- The first and the last year of a series, in UTC; NULL where it has no bars.
SELECT extract(year FROM min(ts) AT TIME ZONE 'UTC')::integer AS first,
       extract(year FROM max(ts) AT TIME ZONE 'UTC')::integer AS last
FROM {table}
WHERE symbol = $1 AND interval = $2 AND ts >= '1900-01-01T00:00:00Z' AND ts < '2100-01-01T00:00:00Z'
