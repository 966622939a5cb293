-- When the quarantined bars of a series open in [$3, $4).
SELECT extract(epoch FROM ts)::bigint AS ts
FROM quarantined_bars
WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4 AND decision IS NULL AND reason <> 'differs'
