-- Keeps what was learned of how late providers' bars arrive; the newest bar never goes back.
INSERT INTO provider_delays AS known (provider, exchange, interval, seconds, newest, learned_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[], $6::timestamptz[])
ON CONFLICT (provider, exchange, interval) DO UPDATE
SET seconds = EXCLUDED.seconds, newest = greatest(known.newest, EXCLUDED.newest), learned_at = EXCLUDED.learned_at
