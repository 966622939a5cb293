-- What is there, in rows.
SELECT (SELECT count(*) FROM symbol_universe) AS symbols,
       (SELECT count(*) FROM candles_intraday) AS minutes,
       (SELECT count(*) FROM candles_daily) AS days,
       (SELECT count(*) FROM candle_revisions) AS revisions,
       (SELECT count(*) FROM backfill_jobs) AS backfills
