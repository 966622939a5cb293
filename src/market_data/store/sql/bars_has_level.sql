-- The adjustments that a series has any bars of.
SELECT level.adjustment
FROM unnest(ARRAY['split', 'raw', 'all']) AS level (adjustment)
WHERE EXISTS (
    SELECT FROM {table} AS known
    WHERE known.symbol = $1 AND known.interval = $2 AND known.adjustment = level.adjustment
)
