-- The newest bars of a series, newest first.
SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
FROM {table}
WHERE symbol = $1 AND interval = $2 AND ts > {since} AND ts < '2100-01-01T00:00:00Z'
ORDER BY ts DESC
LIMIT $3
