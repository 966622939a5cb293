-- Gives what TimescaleDB has built of a symbol ($1) its new name ($2); elsewhere nothing is built.
SELECT candles_rename_built($1, $2)
