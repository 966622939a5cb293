-- Drops the open rows of a series that are more than $3, those first that were received longest ago.
DELETE FROM quarantined_bars
WHERE id IN (
    SELECT id FROM quarantined_bars
    WHERE symbol = $1 AND interval = $2 AND decision IS NULL
    ORDER BY last_received DESC, ts DESC
    OFFSET $3
)
