-- heads_hold
-- Nobody writes a series of a symbol until this transaction ends.
SELECT FROM series_heads WHERE symbol = $1 FOR UPDATE
