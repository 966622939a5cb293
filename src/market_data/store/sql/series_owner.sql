-- The provider that most of the bars of a series in [$3, $4) are from; no row where there are none.
SELECT provider
FROM {table}
WHERE symbol = $1 AND interval = $2 AND ts >= $3 AND ts < $4
GROUP BY provider
ORDER BY count(*) DESC, provider
LIMIT 1
