-- The universe whole, as it was at a moment.
SELECT symbol, exchange, asset_type, adv_21d::float8, mkt_cap::float8, tier, pinned, active, listed, delisted
FROM universe_history
WHERE valid_from <= $1 AND valid_to > $1
ORDER BY symbol
