-- The bars of the provider $3 that open at $4 have a known level now: they are no longer quarantined for want of it.
DELETE FROM quarantined_bars
WHERE symbol = $1 AND interval = $2 AND provider = $3 AND reason = 'split' AND ts = ANY ($4::timestamptz[])
  AND ts >= $5 AND ts <= $6
