"""Tests of the formats of bars."""
