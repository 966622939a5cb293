-- Locks a series' head: when it last changed, whether it had when this statement began (else what the statement
-- sees of the bars is out of date), and the newest known bar that opens in [$3, $4].
SELECT locked.as_of AS before, locked.as_of = seen.as_of AS fresh,
       (SELECT max(ts) FROM {table} WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts <= $4) AS newest
FROM (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2) AS seen,
     (SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2 FOR UPDATE) AS locked
