-- Stores one quote; the same trade told again by the same provider only moves as_of.
INSERT INTO quotes_l1 (symbol, price, ts, provider, as_of, bid, ask, bid_size, ask_size, volume)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (symbol, ts, provider) DO UPDATE
SET price = EXCLUDED.price, as_of = EXCLUDED.as_of, bid = EXCLUDED.bid, ask = EXCLUDED.ask,
    bid_size = EXCLUDED.bid_size, ask_size = EXCLUDED.ask_size, volume = EXCLUDED.volume
