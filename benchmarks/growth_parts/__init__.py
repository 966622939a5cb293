"""Parts of the measurement of growth."""
