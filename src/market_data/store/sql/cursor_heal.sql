-- cursor_heal
-- Sets cursors back that are later than $1 can be: a day's cursor goes to the end of its date, and clocks differ.
-- When such a series was asked for is not known: as long ago as its bars.
WITH width (interval, length) AS (VALUES ('1m', interval '1 minute'), ('1d', interval '1 day')),
ahead AS MATERIALIZED (
    SELECT c.symbol, c.interval, c.source, c.through > $1::timestamptz + w.length + interval '5 seconds' AS past,
           c.last_bar + w.length AS had, c.last_bar IS NULL OR c.last_bar > $1::timestamptz AS void
    FROM ingestion_cursor AS c JOIN width AS w USING (interval)
    WHERE c.through > $1::timestamptz + w.length + interval '5 seconds' OR c.asked_at > $1::timestamptz + interval '5 seconds'
), gone AS (
    DELETE FROM ingestion_cursor AS c USING ahead AS a
    WHERE (c.symbol, c.interval, c.source) = (a.symbol, a.interval, a.source) AND a.past AND a.void
), back AS (
    UPDATE ingestion_cursor AS c
    SET through = CASE WHEN a.past THEN a.had ELSE c.through END,
        asked_at = least(c.asked_at, $1::timestamptz, CASE WHEN a.past THEN a.had ELSE c.through END)
    FROM ahead AS a
    WHERE (c.symbol, c.interval, c.source) = (a.symbol, a.interval, a.source) AND NOT (a.past AND a.void)
)
SELECT count(*) AS healed FROM ahead
