-- Bars as they are stored that open in [$4, $5), oldest first, at most $7; of days those of the
-- adjustment $6, empty: of any; with $8 and $9,
-- only those within sessions that open and close then.
SELECT ts, open, high, low, close, volume, as_of, revision, provider, status, adjustment, volume_scope
FROM (
{known}
) AS bar
WHERE ($6 = '' OR adjustment = $6)
  AND ($8::timestamptz[] IS NULL OR ts < ($9::timestamptz[])[width_bucket(ts, $8)])
ORDER BY {order}
LIMIT $7
