-- When the final bars of a series open, in [$3, $4).
SELECT extract(epoch FROM ts)::bigint AS ts
FROM {table}
WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND status <> 'partial'
