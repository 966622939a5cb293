"""A self-hosted market data service that can prove what it has."""

__version__ = "0.1.0"
