-- The series with quarantined bars, and between which labels these lie (the last one included).
SELECT symbol, interval, extract(epoch FROM min(ts))::bigint AS first, extract(epoch FROM max(ts))::bigint AS last
FROM quarantined_bars
GROUP BY symbol, interval
