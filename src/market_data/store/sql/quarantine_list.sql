-- Quarantined bars, newest received first: of the symbol $1 and the interval $2 (NULL: all), those before the id $3
-- (NULL: from the newest on), at most $4; with $5 those that an operator decided, too. `stored_close` is what is served
-- unmarked in its place, and from whom.
SELECT known.id, known.symbol, known.interval, known.ts, known.open, known.high, known.low, known.close, known.volume,
       known.provider, known.adjustment, known.reason, known.contradicted, known.evidence, known.first_received,
       known.last_received, known.times, known.look_at, known.decision, known.decided_by, known.decided_at,
       known.decided_why, stored.close AS stored_close, stored.provider AS stored_provider
FROM quarantined_bars AS known
LEFT JOIN LATERAL (
    SELECT close, provider FROM candles_intraday
    WHERE known.interval <> '1d' AND symbol = known.symbol AND interval = known.interval AND ts = known.ts
    UNION ALL
    SELECT close, provider FROM candles_daily
    WHERE known.interval = '1d' AND symbol = known.symbol AND interval = known.interval AND ts = known.ts
      AND adjustment = known.adjustment
) AS stored ON true
WHERE ($1::text IS NULL OR known.symbol = $1) AND ($2::text IS NULL OR known.interval = $2)
  AND ($3::bigint IS NULL OR known.id < $3) AND ($5 OR known.decision IS NULL)
ORDER BY known.id DESC
LIMIT $4
