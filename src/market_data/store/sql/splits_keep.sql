-- Keeps the splits $3 (00:00 UTC of their dates) with the ratios $4 that the provider $2 reports of the symbol $1, known at
-- $5. What is known already stays as it is: a ratio that a provider changes afterwards replaces the one before.
INSERT INTO known_splits AS known (symbol, effective, provider, ratio, known_at)
SELECT $1, split.effective, $2, split.ratio, $5
FROM unnest($3::timestamptz[], $4::float8[]) AS split (effective, ratio)
ON CONFLICT (symbol, effective, provider) DO UPDATE
SET ratio = EXCLUDED.ratio, known_at = EXCLUDED.known_at
WHERE known.ratio <> EXCLUDED.ratio
