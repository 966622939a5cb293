-- Of the symbols $1, those of whom a vacancy of interval $2 was agreed after $3.
SELECT DISTINCT symbol FROM vacancies WHERE symbol = ANY ($1::text[]) AND interval = $2 AND as_of > $3
