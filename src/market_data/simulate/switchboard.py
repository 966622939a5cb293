"""Which faults are on, and which of them strike a request."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from market_data.errors import BadQuestion
from market_data.simulate.fault import EVERY, Fault, Mute, Switched, check_shown

MOST_FAULTS = 256
"""Faults that can be on at once."""


@dataclass(slots=True)
class _Active:
    switched: Switched
    left: int | None


class Switchboard:
    """Faults are switched on and off here while the simulator runs; chance is drawn from `seed`."""

    def __init__(self, seed: int, providers: Mapping[str, Mute], faults: Iterable[Switched] = ()) -> None:
        self._providers = providers
        self._chance = np.random.Generator(np.random.PCG64(seed))
        self._active: list[_Active] = []
        for one in faults:
            self.switch_on(one)

    def switch_on(self, fault: Switched) -> None:
        """Turn a fault on, instead of the same one with other values.

        BadQuestion past MOST_FAULTS, or if the provider's answers could not show it.
        """
        check_shown(fault, self._providers)
        same = (fault.provider, fault.fault, fault.symbol)
        kept = [
            one
            for one in self._active
            if (one.switched.provider, one.switched.fault, one.switched.symbol) != same
        ]
        if len(kept) >= MOST_FAULTS:
            raise BadQuestion(f"{MOST_FAULTS} faults are on: switch some off first")
        self._active = [*kept, _Active(fault, fault.times)]

    def switch_off(self, provider: str = EVERY, fault: Fault | None = None) -> int:
        """Turn off what matches (EVERY: of all providers; None: all faults) and tell how many that were."""
        kept = [
            one
            for one in self._active
            if (provider not in {EVERY, one.switched.provider}) or (fault not in {None, one.switched.fault})
        ]
        count = len(self._active) - len(kept)
        self._active = kept
        return count

    def active(self) -> list[tuple[Switched, int | None]]:
        """What is on, and how many requests each will still strike (None: no end)."""
        return [(one.switched, one.left) for one in self._active]

    def strike(self, provider: str, symbols: Collection[str]) -> dict[Fault, Switched]:
        """The faults that this request meets; those that have struck `times` requests are off afterwards."""
        struck: dict[Fault, Switched] = {}
        for one in self._active:
            if (
                one.switched.fault in self._providers.get(provider, {})
                or not one.switched.concerns(provider, symbols)
                or self._chance.random() >= one.switched.probability
            ):
                continue
            struck[one.switched.fault] = one.switched
            one.left = one.left if one.left is None else one.left - 1
        self._active = [one for one in self._active if one.left != 0]
        return struck
