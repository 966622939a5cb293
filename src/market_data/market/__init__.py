"""The language of the market: pure values, no I/O, no clock, no async."""
