"""What callers of HTTP and WebSocket get, from the real service."""
