"""Heals gaps: find (what is missing), plan (gaps become chunks), work (a chunk becomes bars or a reason)."""
