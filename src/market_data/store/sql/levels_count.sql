-- How many of these minutes are raw already, get back the value before a split, and are converted.
SELECT count(*) FILTER (WHERE ratio = 1) AS relabelled,
       count(*) FILTER (WHERE ratio <> 1 AND was IS NOT NULL) AS restored,
       count(*) FILTER (WHERE ratio <> 1 AND was IS NULL) AS converted
FROM (
{rows}
) AS minute
