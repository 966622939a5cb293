-- universe_former
-- What a former symbol is now, unless it names another member meanwhile.
SELECT symbol
FROM symbol_renames
WHERE former = $1 AND NOT EXISTS (SELECT FROM symbol_universe WHERE symbol = $1)
