"""Chooses who is asked: health (facts), budget, breaker (mechanism), rank (decision), router (the flow)."""
