"""Tests of the simulator: real HTTP against a simulator on a free port."""
