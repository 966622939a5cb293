-- Several instruments.
SELECT symbol, exchange, asset_type, tier, active,
       extract(epoch FROM listed)::bigint AS listed, extract(epoch FROM delisted + 1)::bigint AS delisted
FROM symbol_universe WHERE symbol = ANY ($1::text[])
