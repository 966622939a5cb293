"""What rows are numbered by."""

LARGEST_ID = 2**63 - 1
"""The largest id of a row: PostgreSQL's bigint."""
