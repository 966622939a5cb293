"""Tests of the market language: examples, and properties held against brute force."""
