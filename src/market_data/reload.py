"""Reads the configuration again: checks the whole, then puts it in force in one step, or says why not."""

import asyncio
from collections.abc import Callable, Mapping

import msgspec
from pydantic import SecretStr

from market_data.errors import BadConfig
from market_data.route.account import accounts
from market_data.route.check_keys import check_keys
from market_data.route.router import Router
from market_data.settings import Configuration, InForce

TAKES_A_RESTART = frozenset(
    {"host", "port", "data_dir", "database_url", "rlc_redis_url", "database_pool_size", "log_format"}
)
"""Settings that only a new process can follow."""

Reread = Callable[[Mapping[str, str]], Configuration]
"""Reads all sources anew; the argument's settings win over them."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One setting that differs from the one in force; of a secret only whether there is one."""

    setting: str
    before: str
    after: str


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration changes; `policy_version` counts the swaps, this one included if it was made."""

    swapped: bool
    policy_version: int
    changes: list[Change]


class Reload:
    """The one way to another configuration while the service runs."""

    def __init__(self, in_force: InForce, router: Router, reread: Reread, follow: Callable[[], None]) -> None:
        self._in_force = in_force
        self._router = router
        self._roster = router.roster
        self._reread = reread
        self._follow = follow
        """Called after a swap, for what cannot look its settings up."""

    async def check(self, given: Mapping[str, str]) -> Reloaded:
        """What the sources would change, with `given` over them.

        Raises BadConfig if they could not be used.
        """
        candidate = await self._candidate(given)
        return self._reloaded(candidate, swapped=False)

    async def swap(self) -> Reloaded:
        """Read the sources and put them in force; raises BadConfig, and changes nothing, if that cannot be.

        What a provider had refused, and whoever was out, is tried again even if no setting has changed; those
        with a key at once, within CHECK_SECONDS.
        """
        candidate = await self._candidate({})
        known = accounts(candidate, self._roster.providers)
        done = self._reloaded(candidate, swapped=True)
        self._in_force.swap(candidate)
        changed = {name for name, one in known.items() if one != self._roster.accounts[name]}
        self._roster.adopt(known)
        self._follow()
        await check_keys(self._router, changed)
        return msgspec.structs.replace(done, policy_version=self._in_force.policy_version)

    async def _candidate(self, given: Mapping[str, str]) -> Configuration:
        candidate = await asyncio.to_thread(self._reread, given)
        accounts(candidate, self._roster.providers)
        now, then = self._in_force.settings, candidate.settings
        fixed = sorted(name for name in TAKES_A_RESTART if getattr(now, name) != getattr(then, name))
        if fixed:
            raise BadConfig([f"{name.upper()}: it has changed, which takes a restart" for name in fixed])
        return candidate

    def _reloaded(self, candidate: Configuration, *, swapped: bool) -> Reloaded:
        now, then = _values(self._in_force.configuration), _values(candidate)
        changes = [
            Change(setting=name, before=_shown(now.get(name)), after=_shown(then.get(name)))
            for name in sorted(now.keys() | then.keys())
            if now.get(name) != then.get(name)
        ]
        return Reloaded(swapped=swapped, policy_version=self._in_force.policy_version, changes=changes)


def _values(configuration: Configuration) -> dict[str, object]:
    """Every setting by its variable's name; base URLs and limits of providers are no secrets."""
    settings = configuration.settings
    values: dict[str, object] = {
        name.upper(): getattr(settings, name) for name in type(settings).model_fields
    }
    for name, value in configuration.of_providers.items():
        values[name] = value if name.endswith(("_API_KEY", "_SECRET")) else value.get_secret_value()
    return values


def _shown(value: object) -> str:
    match value:
        case None:
            return "unset"
        case SecretStr():
            return "a secret"
        case tuple():
            return ",".join(value)
        case dict():
            return ",".join(f"{name}={number}" for name, number in value.items())
        case bool():
            return str(value).lower()
        case _:
            return str(value)
