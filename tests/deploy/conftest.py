"""The running service of tests/serve, to be watched."""

from serve.conftest import serving

__all__ = ["serving"]
