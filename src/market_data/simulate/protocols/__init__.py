"""The protocols: one file each, found by looking. A file defines FACTS and the functions of WireProtocol."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from market_data.simulate.fault import Mute
from market_data.simulate.protocol import WireProtocol


def discover() -> dict[str, WireProtocol]:
    """Every protocol of this folder by its provider's name, in the order of the names."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    protocols = (
        WireProtocol(one.FACTS, one.endpoint_of, one.symbols_of, one.render, one.throttled, one.uneven)
        for one in modules
    )
    return {one.facts.name: one for one in sorted(protocols, key=lambda one: one.facts.name)}


def mutes(protocols: Mapping[str, WireProtocol]) -> dict[str, Mute]:
    """By provider's name the faults that its answers could not show."""
    return {name: one.facts.mute for name, one in protocols.items()}
