-- Lets the policy of $1 drop what is older than $2 days (0: nothing), and remembers that it was us.
WITH job AS (
    SELECT alter_job(job_id, scheduled => $2::float8 > 0,
                     config => CASE WHEN $2 > 0
                                    THEN config || jsonb_build_object('drop_after', make_interval(days => $2::integer))
                                    ELSE config END)
    FROM timescaledb_information.jobs
    WHERE proc_name = 'policy_retention' AND hypertable_name = $1
)
UPDATE retention_set SET days = $2 WHERE hypertable = $1 AND EXISTS (SELECT FROM job)
