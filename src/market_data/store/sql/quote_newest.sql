-- The newest quote of a symbol.
SELECT symbol, price, ts, provider, as_of, bid, ask, bid_size, ask_size, volume
FROM quotes_l1
WHERE symbol = $1
ORDER BY ts DESC, as_of DESC
LIMIT 1
