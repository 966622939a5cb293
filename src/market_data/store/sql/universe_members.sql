-- The universe whole, in order of symbol.
SELECT symbol, exchange, asset_type, adv_21d::float8, mkt_cap::float8, tier, pinned, active, listed, delisted
FROM symbol_universe
ORDER BY symbol
