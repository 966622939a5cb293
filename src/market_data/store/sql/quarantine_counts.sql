-- How many quarantined bars are open, by reason.
SELECT reason, count(*) AS bars FROM quarantined_bars WHERE decision IS NULL GROUP BY reason
