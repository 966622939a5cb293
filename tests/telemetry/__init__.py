"""What is told from outside: metrics, log lines, and gauges computed when asked."""
