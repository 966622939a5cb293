-- Plans each statement of this transaction for its own values. A plan for any values takes it that a range of bars holds
-- one: for thousands it then looks at every pair of them.
SET LOCAL plan_cache_mode = force_custom_plan
