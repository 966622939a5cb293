-- Whether a symbol names a member, or has bars of its own.
SELECT EXISTS (SELECT FROM symbol_universe WHERE symbol = $1)
    OR EXISTS (SELECT FROM candles_intraday WHERE symbol = $1)
    OR EXISTS (SELECT FROM candles_daily WHERE symbol = $1) AS taken
