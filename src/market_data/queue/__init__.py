"""Jobs on Redis streams: those of this service, and those that a coordinator sends."""

from market_data.queue.fetch import Claimed, Queue
from market_data.queue.job import Job

__all__ = ["Claimed", "Job", "Queue"]
