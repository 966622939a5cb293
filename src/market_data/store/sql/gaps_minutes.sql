-- What is missing of each span: the span less its final 1m bars less its vacancies. Symbols $1, from $2 to $3.
-- Bars and vacancies in the order of their start cover the time to the latest end so far; a gap is from there to
-- the next start.
SELECT symbol, covered AS start, start_ts AS end
FROM (
    SELECT wanted.symbol, wanted.place, cover.start_ts,
           max(cover.end_ts) OVER (
               PARTITION BY wanted.place ORDER BY cover.start_ts, cover.end_ts
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS covered
    FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
         AS wanted (symbol, start_ts, end_ts, place)
    CROSS JOIN LATERAL (
        SELECT wanted.start_ts, wanted.start_ts AS end_ts
        UNION ALL
        SELECT ts, ts + interval '1 minute'
        FROM candles_intraday
        WHERE symbol = wanted.symbol AND interval = '1m' AND ts >= wanted.start_ts AND ts < wanted.end_ts
          AND status <> 'partial'
        UNION ALL
        SELECT greatest(start_ts, wanted.start_ts), end_ts
        FROM vacancies
        WHERE symbol = wanted.symbol AND interval = '1m'
          AND start_ts < wanted.end_ts AND end_ts > wanted.start_ts
        UNION ALL
        SELECT wanted.end_ts, wanted.end_ts
    ) AS cover
) AS told
WHERE start_ts > covered
ORDER BY symbol, start
