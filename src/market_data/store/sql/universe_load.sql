-- The universe, freshest tier first.
SELECT symbol, exchange, asset_type, tier, active
FROM symbol_universe
WHERE active OR NOT $1
ORDER BY tier, symbol
