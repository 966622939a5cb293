-- Keeps bars whose price level is not known; one that is received again is counted.
INSERT INTO quarantined_bars AS known (symbol, interval, ts, provider, adjustment, volume_scope, open, high, low, close,
                                       volume, reason, evidence, first_received, last_received, look_at)
SELECT DISTINCT ON (bar.epoch) $1, $2, to_timestamp(bar.epoch), $3, $4, $5, bar.open, bar.high, bar.low, bar.close, bar.volume, 'split', $6, $7, $7,
       $7::timestamptz + interval '15 minutes'
FROM unnest($8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::float8[])
     AS bar (epoch, open, high, low, close, volume)
ON CONFLICT (symbol, interval, ts, provider, adjustment) DO UPDATE
SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume,
    reason = EXCLUDED.reason, evidence = EXCLUDED.evidence, last_received = EXCLUDED.last_received,
    times = known.times + 1, look_at = coalesce(known.look_at, EXCLUDED.look_at)
