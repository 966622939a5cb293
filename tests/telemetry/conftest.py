"""How properties are tried: without a clock, for the machine may be busy with other tests."""

import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from market_data.redact import Fence
from market_data.telemetry import lines

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test sets up for its process is undone."""
    for name, value in (
        ("level", logging.NOTSET),
        ("as_json", False),
        ("secrets", frozenset()),
        ("fence", Fence()),
    ):
        monkeypatch.setattr(lines._State, name, value)
    for owner, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, hook, getattr(owner, hook))
    was, configured, root = structlog.get_config(), structlog.is_configured(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    if configured:
        structlog.configure(**was)
