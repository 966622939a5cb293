-- A quarantined bar that no operator has decided, locked until the transaction ends.
SELECT id, symbol, interval, extract(epoch FROM ts)::bigint AS ts, open, high, low, close, volume, provider, adjustment,
       volume_scope, extract(epoch FROM first_received)::float8 AS first_received
FROM quarantined_bars
WHERE id = $1 AND decision IS NULL
FOR UPDATE
