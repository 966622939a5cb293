"""A simulator of market data providers: their own protocols, recorded or generated bars, and faults."""

from market_data.simulate.clock import paced
from market_data.simulate.config import SimulatorConfig
from market_data.simulate.fault import FAULTS, Fault, Switched, read_option
from market_data.simulate.protocol import Plan
from market_data.simulate.protocols import discover, mutes
from market_data.simulate.server import Running, build, serve, start

__all__ = [
    "FAULTS", "Fault", "Plan", "Running", "SimulatorConfig", "Switched",
    "build", "discover", "mutes", "paced", "read_option", "serve", "start",
]  # fmt: skip
