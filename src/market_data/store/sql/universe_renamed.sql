-- What a former symbol, of which $1 has the spellings, is now, and since when.
SELECT symbol, renamed FROM symbol_renames WHERE former = ANY ($1::text[]) ORDER BY renamed DESC LIMIT 1
