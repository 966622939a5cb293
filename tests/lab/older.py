"""What the simulator of 0.1.0 lacks, so that the same histories can be played through that build."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from market_data.simulate import Running
from market_data.simulate.tape import Tape


def play(running: Running, tapes: Mapping[str, Tape]) -> None:
    """Let each provider play a tape of its own, where a simulator has one tape for all of them."""
    kind: Any = type(running.simulator)
    answer = kind.answer

    async def of_provider(simulator: Any, provider: str, ask: Any) -> Any:
        return await answer(replace(simulator, tape=tapes[provider]), provider, ask)

    if not getattr(kind, "_of_provider", False):
        kind.answer, kind._of_provider = of_provider, True
