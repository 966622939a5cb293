-- At how many days of [$4, $5) a series has bars of each adjustment, as known at $3; the row without one counts all days.
SELECT adjustment, count(DISTINCT ts) AS days
FROM (
{known}
) AS bar
GROUP BY GROUPING SETS ((adjustment), ())
