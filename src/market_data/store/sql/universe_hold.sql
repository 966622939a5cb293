-- universe_hold
-- Nobody adds a series of a symbol until this transaction ends.
SELECT FROM symbol_universe WHERE symbol = $1 FOR UPDATE
