-- head_hold
-- Until this transaction ends the member is not renamed; where that is under way, it is over when this returns.
SELECT FROM symbol_universe WHERE symbol = $1 FOR KEY SHARE
