"""Watches from outside: metrics and log lines made of events, gauges computed when asked."""
