-- The newest bars of a series, newest first, and when it last changed: one moment's truth.
SELECT head.as_of AS head, bar.*
FROM (SELECT max(as_of) AS as_of FROM series_heads WHERE symbol = $1 AND interval = $2) AS head
LEFT JOIN LATERAL (
    SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
    FROM {table}
    WHERE symbol = $1 AND interval = $2 AND ts > {since} AND ts < '2100-01-01T00:00:00Z'
    ORDER BY ts DESC
    LIMIT $3
) AS bar ON true
