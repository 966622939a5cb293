-- Brings these minutes to the raw level at $12: those that are raw already are called so and keep all else; of the others the
-- value as it stands goes to the revisions. Returns what changed its value.
WITH minute AS MATERIALIZED (
{rows}
), kept AS (
    INSERT INTO candle_revisions (symbol, interval, ts, open, high, low, close, volume, provider, as_of,
                                  superseded_at, status, revision, adjustment, volume_scope, factor)
    SELECT symbol, interval, ts, open, high, low, close, volume, provider, as_of,
           $12, status, revision, adjustment, volume_scope, factor
    FROM minute
    WHERE ratio <> 1
), named AS (
    UPDATE candles_intraday AS known
    SET adjustment = 'raw'
    FROM minute
    WHERE known.symbol = $1 AND known.interval = $2 AND known.ts = minute.ts AND known.ts >= $4 AND known.ts < $5
      AND minute.ratio = 1
)
UPDATE candles_intraday AS known
SET open = coalesce((was).open, (minute.open * ratio)::numeric::float8),
    high = coalesce((was).high, (minute.high * ratio)::numeric::float8),
    low = coalesce((was).low, (minute.low * ratio)::numeric::float8),
    close = coalesce((was).close, (minute.close * ratio)::numeric::float8),
    volume = coalesce((was).volume, (minute.volume / ratio)::numeric::float8),
    provider = coalesce((was).provider, minute.provider),
    volume_scope = coalesce((was).volume_scope, minute.volume_scope),
    factor = CASE WHEN was_raw THEN (was).factor ELSE ratio END,
    status = CASE WHEN minute.status = 'partial' THEN 'partial' ELSE 'corrected' END,
    revision = minute.revision + 1,
    adjustment = 'raw',
    as_of = $12
FROM minute
WHERE known.symbol = $1 AND known.interval = $2 AND known.ts = minute.ts AND known.ts >= $4 AND known.ts < $5
  AND minute.ratio <> 1
RETURNING extract(epoch FROM known.ts)::bigint AS ts
