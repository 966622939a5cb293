-- What is missing of each span: the span less its final 1m bars less its vacancies. Symbols $1, from $2 to $3.
SELECT wanted.symbol, lower(gap) AS start, upper(gap) AS end
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS wanted (symbol, start_ts, end_ts)
CROSS JOIN LATERAL (
    SELECT range_agg(tstzrange(ts, ts + interval '1 minute')) AS held
    FROM candles_intraday
    WHERE symbol = wanted.symbol AND interval = '1m' AND ts >= wanted.start_ts AND ts < wanted.end_ts
      AND status <> 'partial'
) AS bars
CROSS JOIN LATERAL (
    SELECT range_agg(tstzrange(start_ts, end_ts)) AS vacant
    FROM vacancies
    WHERE symbol = wanted.symbol AND interval = '1m' AND start_ts < wanted.end_ts AND end_ts > wanted.start_ts
) AS agreed
CROSS JOIN LATERAL unnest(
    tstzmultirange(tstzrange(wanted.start_ts, wanted.end_ts))
    - coalesce(bars.held, '{}'::tstzmultirange) - coalesce(agreed.vacant, '{}'::tstzmultirange)
) AS gap
ORDER BY wanted.symbol, start
