-- The volumes that a provider ($3) has sent for the bars of a series that open in [$5, $6] with the adjustment $4.
SELECT extract(epoch FROM ts)::bigint AS ts, volume
FROM {table}
WHERE symbol = $1 AND interval = $2 AND provider = $3 AND adjustment = $4 AND ts >= $5 AND ts <= $6 AND volume > 0
