"""Every provider is simulated, and every simulated one is spoken to."""

from market_data.market.capability import Capability
from market_data.providers import discover as providers
from market_data.simulate import discover as protocols

from .voices import discover as voices


def test_every_provider_has_a_protocol_and_a_voice() -> None:
    assert set(providers()) == set(protocols()) == set(voices())


def test_a_voice_asks_for_what_its_provider_has() -> None:
    for name, voice in voices().items():
        assert voice.asset_type in providers()[name].facts.reach[Capability.BARS_1M].asset_types
