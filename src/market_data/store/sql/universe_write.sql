-- Adds members, or makes those that are there what is told.
INSERT INTO symbol_universe AS known
    (symbol, exchange, asset_type, tier, adv_21d, mkt_cap, pinned, active, listed, delisted)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::boolean[],
                     $8::boolean[], $9::date[], $10::date[])
ON CONFLICT (symbol) DO UPDATE
SET exchange = EXCLUDED.exchange, asset_type = EXCLUDED.asset_type, tier = EXCLUDED.tier,
    adv_21d = EXCLUDED.adv_21d, mkt_cap = EXCLUDED.mkt_cap, pinned = EXCLUDED.pinned, active = EXCLUDED.active,
    listed = EXCLUDED.listed, delisted = EXCLUDED.delisted, updated_at = now()
