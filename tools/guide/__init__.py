"""The deployment guide, executed: its commands in a table, a throw-away stack to run them on, and what was seen."""
