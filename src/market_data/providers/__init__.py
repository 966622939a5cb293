"""The providers: one file each, found by looking. Each has FACTS, request, parse, and maybe BATCH."""

from importlib import import_module
from pkgutil import iter_modules

from market_data.provider import Provider


def discover() -> dict[str, Provider]:
    """Every provider of this folder by its name, in the order of the names."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    providers = (
        Provider(module.FACTS, module.request, module.parse, getattr(module, "BATCH", None))
        for module in modules
    )
    return {provider.facts.name: provider for provider in sorted(providers, key=lambda one: one.facts.name)}
