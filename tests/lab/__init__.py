"""The real service over simulated providers, under a clock that a test turns: market days in seconds."""
