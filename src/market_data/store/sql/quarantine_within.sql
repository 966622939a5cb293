-- The quarantined bars of a series that open in [$3, $4), oldest first, those decided by an operator included.
SELECT id, extract(epoch FROM ts)::bigint AS ts, open, high, low, close, volume, provider, adjustment, reason,
       contradicted, extract(epoch FROM first_received)::float8 AS first_received, decision
FROM quarantined_bars
WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4
ORDER BY ts, provider
