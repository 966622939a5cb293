-- Of the symbols $1, at most $5 that have bars of interval $2 in the session [$6, $7) and whose recheck of $3 sessions
-- later has not come to the session of $4.
SELECT wanted.symbol
FROM unnest($1::text[]) AS wanted (symbol)
LEFT JOIN rechecks AS known
       ON known.symbol = wanted.symbol AND known.interval = $2 AND known.sessions = $3
WHERE (known.through IS NULL OR known.through < $4)
  AND EXISTS (
      SELECT FROM candles_intraday AS bar
      WHERE bar.symbol = wanted.symbol AND bar.interval = $2 AND bar.ts >= $6 AND bar.ts < $7
  )
ORDER BY wanted.symbol
LIMIT $5
