"""Streams bars to clients: hub (fan out), session (the messages, no I/O), outbox (one client's buffer)."""
