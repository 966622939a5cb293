-- universe_formers
-- Those of several symbols that are former ones, with what each is now, and the day (UTC) of the rename.
SELECT former, symbol, (renamed AT TIME ZONE 'UTC')::date AS renamed
FROM symbol_renames
WHERE former = ANY ($1::text[])
