-- One instrument.
SELECT symbol, exchange, asset_type, tier, active,
       CASE WHEN isfinite(listed) THEN extract(epoch FROM listed)::bigint END AS listed,
       CASE WHEN isfinite(delisted) THEN extract(epoch FROM delisted + 1)::bigint END AS delisted
FROM symbol_universe WHERE symbol = $1
