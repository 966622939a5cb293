-- Drops open rows: those received last before $1, and the oldest of those that are more than $2. Their bars are found
-- missing then, and asked for again.
DELETE FROM quarantined_bars
WHERE decision IS NULL
  AND (last_received < $1
       OR last_received < (SELECT last_received FROM quarantined_bars WHERE decision IS NULL
                           ORDER BY last_received DESC OFFSET $2 LIMIT 1))
