-- Whether nothing is collected.
SELECT NOT EXISTS (SELECT FROM symbol_universe WHERE active) AS empty
