-- For which time it is known which splits the symbol $1 has at the provider $2, and those.
SELECT extract(epoch FROM checked.since)::bigint AS since, extract(epoch FROM checked.through)::bigint AS through,
       extract(epoch FROM split.effective)::bigint AS effective, split.ratio
FROM split_checks AS checked
LEFT JOIN known_splits AS split USING (symbol, provider)
WHERE checked.symbol = $1 AND checked.provider = $2
ORDER BY split.effective
