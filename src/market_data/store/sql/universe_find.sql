-- One instrument.
SELECT symbol, exchange, asset_type, tier, active FROM symbol_universe WHERE symbol = $1
