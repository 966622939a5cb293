-- What is missing of each span: the span less its final and quarantined 1m bars less its vacancies ($6 as $3 of
-- gaps_days.sql). Symbols $1, from $2 to $3; all of
-- them lie in [$4, $5), which tells TimescaleDB's plan the chunks.
-- The bars come from the key and the few partial ones from an index of their own: to look at each row's status is
-- to fetch a page for each minute, since rows lie in the order in which they came.
SELECT wanted.symbol, lower(gap) AS start, upper(gap) AS end
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS wanted (symbol, start_ts, end_ts)
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(ts, ts + interval '1 minute')), '{}') AS spans
    FROM candles_intraday
    WHERE symbol = wanted.symbol AND interval = '1m' AND ts >= wanted.start_ts AND ts < wanted.end_ts
      AND ts >= $4 AND ts < $5
) AS bars
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(ts, ts + interval '1 minute')), '{}') AS spans
    FROM candles_intraday
    WHERE symbol = wanted.symbol AND interval = '1m' AND ts >= wanted.start_ts AND ts < wanted.end_ts
      AND ts >= $4 AND ts < $5
      AND status = 'partial'
) AS partial
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(start_ts, end_ts)), '{}') AS spans
    FROM vacancies
    WHERE symbol = wanted.symbol AND interval = '1m'
      AND start_ts < wanted.end_ts AND end_ts > wanted.start_ts
      AND CASE WHEN $6::timestamptz IS NULL THEN confirmed OR newer ELSE coalesce(look_at > $6, true) END
) AS vacant
CROSS JOIN LATERAL (
    SELECT coalesce(range_agg(tstzrange(ts, ts + interval '1 minute')), '{}') AS spans
    FROM quarantined_bars
    WHERE symbol = wanted.symbol AND interval = '1m' AND ts >= wanted.start_ts AND ts < wanted.end_ts
      AND decision IS NULL AND reason <> 'differs'
) AS quarantined
CROSS JOIN LATERAL unnest(
    tstzmultirange(tstzrange(wanted.start_ts, wanted.end_ts)) - (bars.spans - partial.spans)
    - quarantined.spans - vacant.spans
) AS gap
ORDER BY 1, 2
