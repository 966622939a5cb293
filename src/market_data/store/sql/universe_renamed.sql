-- What a former symbol is now, and since when.
SELECT symbol, renamed FROM symbol_renames WHERE former = $1
