"""The truth: PostgreSQL (with or without TimescaleDB), one file a table family, the SQL in sql/."""
