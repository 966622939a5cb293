-- The universe, freshest tier first.
SELECT symbol, exchange, asset_type, tier, active,
       extract(epoch FROM listed)::bigint AS listed, extract(epoch FROM delisted + 1)::bigint AS delisted
FROM symbol_universe
WHERE active OR NOT $1
ORDER BY tier, symbol
