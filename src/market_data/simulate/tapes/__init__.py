"""The tapes: bars that were recorded, and bars that are made."""
