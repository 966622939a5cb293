"""The parts of stalls.py."""
