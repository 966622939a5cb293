-- Gives what TimescaleDB has built of a symbol ($1) its new name ($2); elsewhere nothing is built. It comes before the bars
-- themselves: it lifts the bound on what a transaction may decompress.
SELECT candles_rename_built($1, $2)
