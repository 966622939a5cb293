-- Drops rows that are settled, except those that an operator has decided.
DELETE FROM quarantined_bars WHERE id = ANY ($1::bigint[]) AND decision IS NULL
