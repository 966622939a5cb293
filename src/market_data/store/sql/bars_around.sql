-- The final bars of a series with the adjustment $5 (of minutes: any) in [$3, $4) and the $6 before and after it, oldest
-- first; those before and after open within $7 of it.
SELECT extract(epoch FROM ts)::bigint AS ts, open, high, low, close, volume, provider
FROM (
    (SELECT ts, open, high, low, close, volume, provider FROM {table} AS known
     WHERE symbol = $1 AND interval = $2 AND ts < $3 AND ts >= $3 - $7::interval AND status <> 'partial'
       AND $5::text IS NOT NULL AND {same}
     ORDER BY ts DESC LIMIT $6)
    UNION ALL
    (SELECT ts, open, high, low, close, volume, provider FROM {table} AS known
     WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND status <> 'partial'
       AND $5::text IS NOT NULL AND {same})
    UNION ALL
    (SELECT ts, open, high, low, close, volume, provider FROM {table} AS known
     WHERE symbol = $1 AND interval = $2 AND ts >= $4 AND ts < $4 + $7::interval AND status <> 'partial'
       AND $5::text IS NOT NULL AND {same}
     ORDER BY ts LIMIT $6)
) AS bar
ORDER BY ts
