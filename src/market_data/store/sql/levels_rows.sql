-- Part of other queries: the minutes of a series ($1, $2) of the provider $3 that open in [$4, $5), are labelled `split` and were
-- learned before $6, each with what its prices have to be multiplied by: those that open in [$7, $8) and were learned in
-- [$9, $10) by $11, all others by nothing. `before` is the value at the raw level that a split "corrected", if there is one.
SELECT known.*, coalesce(by.ratio, 1) AS ratio, before.was, (before.was).ts IS NOT NULL AS was_raw
FROM candles_intraday AS known
LEFT JOIN unnest($7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::float8[])
     AS by (opens, until, learned, superseded, ratio)
     ON known.ts >= by.opens AND known.ts < by.until AND known.as_of >= by.learned AND known.as_of < by.superseded
LEFT JOIN LATERAL (
    SELECT was
    FROM candle_revisions AS was
    WHERE by.ratio IS NOT NULL AND was.symbol = $1 AND was.interval = $2 AND was.ts = known.ts AND was.status <> 'partial'
      AND (was.adjustment = 'raw' OR was.provider = $3 AND NOT EXISTS (
          SELECT FROM unnest($7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
                      AS also (opens, until, learned, superseded)
          WHERE was.ts >= also.opens AND was.ts < also.until AND was.as_of >= also.learned AND was.as_of < also.superseded
      ))
    ORDER BY was.revision DESC, was.as_of DESC
    LIMIT 1
) AS before ON true
WHERE known.symbol = $1 AND known.interval = $2 AND known.provider = $3 AND known.adjustment = 'split'
  AND known.ts >= $4 AND known.ts < $5 AND known.as_of < $6
