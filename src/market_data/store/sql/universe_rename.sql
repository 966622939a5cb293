-- universe_rename
-- Gives every row of a symbol ($1) its new name ($2), in all tables at once. The new name is no former one any more.
WITH universe AS (UPDATE symbol_universe SET symbol = $2, updated_at = now() WHERE symbol = $1),
     intraday AS (UPDATE candles_intraday SET symbol = $2 WHERE symbol = $1),
     daily AS (UPDATE candles_daily SET symbol = $2 WHERE symbol = $1),
     revisions AS (UPDATE candle_revisions SET symbol = $2 WHERE symbol = $1),
     heads AS (UPDATE series_heads SET symbol = $2 WHERE symbol = $1),
     rejected AS (UPDATE rejected_bars SET symbol = $2 WHERE symbol = $1),
     quarantined AS (UPDATE quarantined_bars SET symbol = $2 WHERE symbol = $1),
     quotes AS (UPDATE quotes_l1 SET symbol = $2 WHERE symbol = $1),
     cursors AS (UPDATE ingestion_cursor SET symbol = $2 WHERE symbol = $1),
     asked AS (UPDATE cursor_history SET symbol = $2 WHERE symbol = $1),
     jobs AS (UPDATE backfill_jobs SET symbol = $2 WHERE symbol = $1),
     empty AS (UPDATE vacancies SET symbol = $2 WHERE symbol = $1),
     again AS (UPDATE rechecks SET symbol = $2 WHERE symbol = $1),
     splits AS (UPDATE known_splits SET symbol = $2 WHERE symbol = $1),
     checks AS (UPDATE split_checks SET symbol = $2 WHERE symbol = $1),
     before AS (UPDATE symbol_renames SET symbol = $2 WHERE symbol = $1 AND former <> $2),
     named AS (DELETE FROM symbol_renames WHERE former = $2)
INSERT INTO symbol_renames (former, symbol) VALUES ($1, $2)
ON CONFLICT (former) DO UPDATE SET symbol = EXCLUDED.symbol, renamed = now()
