-- Keeps bars that were told but not believed; one that is told again is counted.
INSERT INTO rejected_bars AS known (symbol, interval, ts, provider, reason, open, high, low, close, volume,
                                    first_told, last_told)
SELECT $1, $2, bar.ts, $3, bar.reason, bar.open, bar.high, bar.low, bar.close, bar.volume, $4, $4
FROM (
    SELECT DISTINCT ON (ts, reason) *
    FROM unnest($5::timestamptz[], $6::text[], $7::float8[], $8::float8[], $9::float8[], $10::float8[],
                $11::float8[]) AS told (ts, reason, open, high, low, close, volume)
) AS bar
ON CONFLICT (symbol, interval, ts, provider, reason)
DO UPDATE SET last_told = EXCLUDED.last_told, times = known.times + 1
