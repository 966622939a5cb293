"""Writes the pages of docs/ that are made from the code; `pages` names them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from market_data.market.capability import Capability
from market_data.provider import Facts, Limit, Reach
from market_data.providers import discover
from market_data.serve.app import build
from market_data.serve.asyncapi import described
from market_data.serve.parts import Parts
from market_data.settings import Settings
from watch import pages as watched

DOCS = Path(__file__).parents[1] / "docs"

_CONFIGURATION = """# Configuration

Settings are read from the environment, from the directory that `CONFIG_DIR` names (one file a setting, as a mounted
ConfigMap or Secret is), and from `.env`; the first of these that has a setting wins. `GET /stats/config` says which
source won each. Every value is validated before anything starts: what cannot be used is named, with what would be.

| variable | default | meaning |
|---|---|---|
{settings}

For each provider, with the prefixes of [providers.md](providers.md):

| variable | meaning |
|---|---|
| `<PROVIDER>_API_KEY`, `<PROVIDER>_SECRET` | the key of your account; a provider that needs one and has none is `DISABLED` |
| `<PROVIDER>_BASE_URL` | where it is; for a proxy, or the simulator |
| `<PROVIDER>_LIMITS` | your plan, as calls/seconds with commas between: `30/1,60/60` |
"""

_PROVIDERS = """# Providers

You bring the key and the right to use the data. Limits are those of the free plan; `<PREFIX>_LIMITS` states yours.

| provider | prefix | key | limits | what its owner allows |
|---|---|---|---|---|
{providers}

What each can do. A bar is final once its interval and the delay have passed.

| provider | capability | kinds | reaches back | delay | prices | volume | free plan |
|---|---|---|---|---|---|---|---|
{reaches}
"""

_HTTP = """# HTTP

Every call; `GET /docs` of a running service tries them out, with each parameter and answer. Errors are problem documents
(RFC 9457). `/ops` answers callers on the loopback address, and others with the token of `OPS_API_TOKEN`. The WebSocket is
described in [websocket.md](websocket.md).

| call | what for |
|---|---|
{calls}
"""


def pages() -> Mapping[str, str]:
    """The text of each page by its file's name."""
    facts = [provider.facts for provider in discover().values()]
    reaches = [_reach(one, capability, reach) for one in facts for capability, reach in one.reach.items()]
    return {
        "asyncapi.json": json.dumps(described(), indent=2) + "\n",
        "configuration.md": _CONFIGURATION.format(
            settings="\n".join(_setting(name, field) for name, field in Settings.model_fields.items())
        ),
        "http.md": _HTTP.format(calls="\n".join(_calls())),
        "metrics.md": watched.metrics(),
        "runbooks/README.md": watched.alerts(),
        "providers.md": _PROVIDERS.format(
            providers="\n".join(_provider(one) for one in facts), reaches="\n".join(reaches)
        ),
    }


def _calls() -> list[str]:
    app = build(cast("Parts", None))  # nothing is asked of its parts
    described_paths = app.openapi_schema.to_schema()["paths"]
    return [
        f"| `{method.upper()} {path}` | {call['summary']} |"
        for path, calls in described_paths.items()
        for method, call in calls.items()
    ]


def _setting(name: str, field: FieldInfo) -> str:
    return f"| `{name.upper()}` | {_default(field.default)} | {field.description} |"


def _default(value: object) -> str:
    if value in (None, {}) or value is PydanticUndefined:
        return "unset"
    if isinstance(value, Mapping):
        return f"`{','.join(f'{key}={one}' for key, one in value.items())}`"
    if isinstance(value, tuple):
        return f"`{','.join(str(one) for one in value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _provider(facts: Facts) -> str:
    key = "needed" if facts.needs_key else "none"
    limits = ", ".join(_limit(limit) for limit in facts.limits)
    return (
        f"| {facts.title} (`{facts.name}`) | `{facts.settings_prefix}` | {key} | {limits} | {facts.terms} |"
    )


def _limit(limit: Limit) -> str:
    per = {1: "s", 60: "min", 3600: "h", 86_400: "day"}.get(limit.seconds, f"{limit.seconds} s")
    return f"{limit.calls}/{per}"


def _reach(facts: Facts, capability: Capability, reach: Reach) -> str:
    kinds = ", ".join(sorted(reach.asset_types))
    depth = "all of history" if reach.depth is None else f"{reach.depth // 86_400} days"
    free = "refused" if reach.premium else "yes"
    scope = f"{reach.adjustment} | {reach.volume_scope}" if capability.interval else "- | -"
    depth = depth if capability.interval else "-"
    return f"| {facts.name} | {capability} | {kinds} | {depth} | {reach.delay} s | {scope} | {free} |"


def main() -> int:
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
