"""Fails a test in whose course the service held the event loop."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from market_data.events import Event, LoopStalled
from market_data.telemetry.stalls import BOUND_MS, watched

OTHERS = (
    "market_data.simulate.",
    "test_",
    "serve.",
    "push.",
    "collect.",
    "unheld.",
    "hypothesis.",
    "rich.",  # tracebacks as structlog draws them where logs have not been set up
    "market_data.telemetry.stalls.",
)
"""Modules that share the loop with the service here and nowhere else: the simulator, tests, this watch."""


@contextmanager
def never_held() -> Iterator[None]:
    """Fails the test if the service computes for over BOUND_MS in one turn of the running loop.

    That is a stall in which the loop's thread used the processor for so long as well. A stall in which it did
    not is printed only: on a machine that is busy with other tests a `connect`, a `stat` or the GIL, whose
    holder has no CPU, takes 20 to 60 ms (ruff's ASYNC rules look for calls that block by themselves). A stall
    does not count either where the innermost function of this repository is one of OTHERS.
    """
    events = list[Event]()
    gc.freeze()  # as market-data serve does: else the modules of all tests are looked through
    gc.disable()  # … and what tests make: one that asks made-up questions leaves a hundred times what we do
    try:
        with watched(lambda _: None, events.append, together=0.0):
            yield
    finally:
        gc.enable()
    stalls = [one for one in events if isinstance(one, LoopStalled)]
    lines = [f"{one.milliseconds:.1f} ms ({one.cpu:.1f} of CPU) in {one.running}" for one in stalls]
    print(*lines, sep="\n")  # noqa: T201 - pytest shows it where the test fails
    held = [
        line for one, line in zip(stalls, lines, strict=True) if one.cpu > BOUND_MS and _ours(one.running)
    ]
    if held:
        pytest.fail(f"the event loop was held for more than {BOUND_MS:g} ms:\n" + "\n".join(held))


def _ours(running: str) -> bool:
    """Whether what ran is the service's: the innermost function of this repository is none of OTHERS.

    The simulator is served by aiohttp, the service is not.
    """
    if "(RequestHandler." in running or "aiohttp.web_" in running:
        return False
    names = running.rpartition(": ")[2].split(" < ")
    if any(name.startswith("market_data.simulate.") for name in names):
        return False
    inner = next((name for name in names if name.startswith(("market_data.", *OTHERS))), "")
    return not inner.startswith(OTHERS)
