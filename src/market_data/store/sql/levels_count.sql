-- How many of these minutes are raw already, get back the value before a split, and are converted.
SELECT count(*) FILTER (WHERE ratio = 1) AS relabelled,
       count(*) FILTER (WHERE ratio <> 1 AND was_raw) AS restored,
       count(*) FILTER (WHERE ratio <> 1 AND NOT was_raw) AS converted
FROM (
{rows}
) AS minute
