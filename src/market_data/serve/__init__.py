"""HTTP and WebSocket: one file a resource; reading takes no decision."""
