-- Keeps bars of a series ($1, $2) from the provider $3 with a mark: adjustment $4, volume scope $5, received in an answer
-- that was asked for at $6; where $17 says so they are asked for again, first after $7. The same value again is counted; another
-- value takes its place and starts again. What an operator decided about the same value stays.
INSERT INTO quarantined_bars AS known (symbol, interval, ts, provider, adjustment, volume_scope, open, high, low, close,
                                       volume, reason, contradicted, evidence, first_received, last_received, look_at)
SELECT $1, $2, bar.ts, $3, $4, $5, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.reason, bar.contradicted,
       bar.evidence, $6, $6, CASE WHEN bar.again THEN $6::timestamptz + $7::interval END
FROM unnest($8::timestamptz[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::float8[], $14::text[],
            $15::boolean[], $16::text[], $17::boolean[])
     AS bar (ts, open, high, low, close, volume, reason, contradicted, evidence, again)
ORDER BY bar.ts
ON CONFLICT (symbol, interval, ts, provider, adjustment) DO UPDATE
SET (open, high, low, close, volume, volume_scope) =
        (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low, EXCLUDED.close, EXCLUDED.volume, EXCLUDED.volume_scope),
    (reason, evidence) = (EXCLUDED.reason, EXCLUDED.evidence),
    last_received = greatest(known.last_received, EXCLUDED.last_received),
    (contradicted, first_received, times, looks, look_at, decision, decided_by, decided_at, decided_why) =
        (SELECT CASE WHEN same THEN known.contradicted OR EXCLUDED.contradicted ELSE EXCLUDED.contradicted END,
                CASE WHEN same THEN known.first_received ELSE EXCLUDED.first_received END,
                CASE WHEN same THEN known.times + 1 ELSE 1 END,
                CASE WHEN same THEN known.looks ELSE 0 END,
                CASE WHEN same AND EXCLUDED.look_at IS NOT NULL THEN known.look_at ELSE EXCLUDED.look_at END,
                CASE WHEN same THEN known.decision END,
                CASE WHEN same THEN known.decided_by END,
                CASE WHEN same THEN known.decided_at END,
                CASE WHEN same THEN known.decided_why END
         FROM (SELECT (known.open, known.high, known.low, known.close, known.volume)
                      = (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low, EXCLUDED.close, EXCLUDED.volume)) AS value (same))
WHERE known.last_received <= EXCLUDED.last_received
