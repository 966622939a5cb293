"""Keeps the universe fresh: cadence (what is due), sweep (due becomes jobs), fetch (a job becomes bars)."""
