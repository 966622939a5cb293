"""The voices: one file each with a VOICE, found by looking."""

from importlib import import_module
from pkgutil import iter_modules

from simulate.voice import Voice


def discover() -> dict[str, Voice]:
    """Every voice of this folder by its provider's name, in the order of the names."""
    voices: list[Voice] = [
        import_module(f"{__name__}.{found.name}").VOICE for found in iter_modules(__path__)
    ]
    return {one.name: one for one in sorted(voices, key=lambda one: one.name)}
