-- Notes that another provider sent a different value: such rows wait for an operator.
UPDATE quarantined_bars AS known
SET contradicted = true, evidence = said.evidence, look_at = NULL
FROM unnest($1::bigint[], $2::text[]) AS said (id, evidence)
WHERE known.id = said.id AND known.decision IS NULL
