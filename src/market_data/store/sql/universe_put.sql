-- Adds instruments, or changes those that are there.
INSERT INTO symbol_universe AS known (symbol, exchange, asset_type, tier, active)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[])
ON CONFLICT (symbol) DO UPDATE
SET exchange = EXCLUDED.exchange, asset_type = EXCLUDED.asset_type, tier = EXCLUDED.tier,
    active = EXCLUDED.active, updated_at = now()
WHERE (known.exchange, known.asset_type, known.tier, known.active)
      IS DISTINCT FROM (EXCLUDED.exchange, EXCLUDED.asset_type, EXCLUDED.tier, EXCLUDED.active)
