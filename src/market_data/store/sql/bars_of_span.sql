-- The values of the final bars of a series that open in [$3, $4), in order; of minutes those at the raw level.
SELECT extract(epoch FROM ts)::bigint AS ts, open, high, low, close, volume
FROM {table}
WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND status <> 'partial' AND adjustment = 'raw'
ORDER BY ts
