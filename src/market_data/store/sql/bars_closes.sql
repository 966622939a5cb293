-- The closes of the final bars of a series with the adjustment $3 that open in [$4, $5), and when its first one opens.
SELECT extract(epoch FROM ts)::bigint AS ts, close,
       (SELECT extract(epoch FROM min(ts))::bigint FROM {table}
        WHERE symbol = $1 AND interval = $2 AND adjustment = $3 AND ts >= '1900-01-01T00:00:00Z' AND ts < '2100-01-01T00:00:00Z') AS first
FROM {table}
WHERE symbol = $1 AND interval = $2 AND adjustment = $3 AND ts >= $4 AND ts < $5 AND status <> 'partial'
ORDER BY ts
