-- When a series last changed; its other writers wait until this transaction has ended.
SELECT as_of FROM series_heads WHERE symbol = $1 AND interval = $2 FOR UPDATE
