-- For which time the provider $2 has reported all splits of the symbol $1 is not known any more.
DELETE FROM split_checks WHERE symbol = $1 AND provider = $2
