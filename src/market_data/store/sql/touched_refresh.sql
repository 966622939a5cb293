-- Builds the bars of the oldest notes; see the procedure in db/migrations. It commits by itself.
CALL candles_refresh()
