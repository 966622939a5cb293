"""What the operator has with each provider, as the settings tell it."""

from collections.abc import Mapping

from market_data.errors import BadConfig
from market_data.provider import Account, Facts, Limit, Provider
from market_data.settings import Configuration


def accounts(configuration: Configuration, providers: Mapping[str, Provider]) -> dict[str, Account]:
    """By provider the account; BadConfig with a line for each whose limits cannot be read."""
    found, problems = {}, []
    for name, provider in providers.items():
        try:
            found[name] = _account(configuration, provider.facts)
        except ValueError as error:
            problems.append(f"{provider.facts.settings_prefix}_LIMITS: {error}")
    if problems:
        raise BadConfig(problems)
    return found


def read_limits(text: str) -> tuple[Limit, ...]:
    """Limits spelled `30/1,60/60`: calls, a slash, seconds. Raises ValueError."""
    limits = []
    for part in text.split(","):
        calls, _, seconds = part.partition("/")
        if not (calls.strip().isdigit() and seconds.strip().isdigit() and int(calls) and int(seconds)):
            raise ValueError(f"{part.strip()!r} is not calls/seconds, as in 60/60")
        limits.append(Limit(int(calls), int(seconds)))
    return tuple(limits)


def _account(configuration: Configuration, facts: Facts) -> Account:
    def setting(suffix: str) -> str:
        value = configuration.of_providers.get(f"{facts.settings_prefix}_{suffix}")
        return value.get_secret_value() if value else ""

    return Account(
        base_url=(setting("BASE_URL") or facts.base_url).rstrip("/"),
        limits=read_limits(setting("LIMITS")) if setting("LIMITS") else facts.limits,
        key=setting("API_KEY"),
        secret=setting("SECRET"),
    )
