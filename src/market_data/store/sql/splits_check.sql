-- Notes that the provider $2 has reported, at $5, all splits of the symbol $1 after $3, up to the session of $4. Where that
-- adjoins what it reported before both count, else what reaches further.
INSERT INTO split_checks AS known (symbol, provider, since, through, checked_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (symbol, provider) DO UPDATE
SET since = CASE WHEN EXCLUDED.since <= known.through + interval '1 day'
                      AND known.since <= EXCLUDED.through + interval '1 day' THEN least(known.since, EXCLUDED.since)
                 WHEN EXCLUDED.through > known.through THEN EXCLUDED.since ELSE known.since END,
    through = greatest(known.through, EXCLUDED.through),
    checked_at = greatest(known.checked_at, EXCLUDED.checked_at)
WHERE EXCLUDED.through > known.through OR EXCLUDED.since < known.since
