"""The work of market-data doctor: what is configured, reachable, entitled and missing, on one screen."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from market_data.calendar import hours_of
from market_data.cli.output import data, print_json, say
from market_data.errors import (
    BadConfig,
    Malformed,
    ProviderFault,
    Refused,
    StoreUnavailable,
    Throttled,
    Unavailable,
)
from market_data.hosting import database_url
from market_data.market.bar import Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Account, Facts, Provider, Query, Reach
from market_data.providers import discover
from market_data.route.account import accounts
from market_data.settings import Configuration, Settings, read
from market_data.store import quarantine, universe
from market_data.store.connect import describe, open_database
from market_data.store.redis import open_redis, reachable
from market_data.transport import Transport, redact

PROBES: Mapping[AssetType, str] = {AssetType.EQUITY: "AAPL", AssetType.CRYPTO: "BTC-USD"}
"""What a provider is asked for, by the first kind of these that it has."""
PAUSE_SECONDS = 1.1
"""Between two questions to one provider."""
PROBE_BARS = 30
"""How many bars are asked for."""
LONGEST_DETAIL = 120
"""Characters of a fault that are shown."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `mend` says what would be right where it is not."""

    area: str
    name: str
    ok: bool
    found: str
    mend: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All findings. `able`: the service can do its job."""

    able: bool
    findings: list[Finding]


def run(*, ask: bool, as_json: bool) -> None:
    """Look at everything and print what was found; raises typer.Exit(1) if the service could not work."""
    report = asyncio.run(examine(read(), ask=ask))
    if as_json:
        print_json(report)
    else:
        _show(report)
    if not report.able:
        raise typer.Exit(1)


async def examine(configuration: Configuration, *, ask: bool) -> Report:
    """Look at everything; outages become findings."""
    settings = configuration.settings
    findings = [
        Finding(area="setting", name=name, ok=True, found=f"from the {source}")
        for name, source in configuration.sources.items()
    ]
    stored = [*await _database(settings), await _redis(settings)]
    asked = await _providers(configuration, ask=ask)
    minutes = [one.ok for one in asked if one.name.endswith(Capability.BARS_1M)]
    able = all(one.ok for one in stored if one.area == "store") and any(minutes)
    return Report(able=able, findings=[*findings, *stored, *asked])


async def _database(settings: Settings) -> list[Finding]:
    where = "DATABASE_URL" if settings.database_url else f"embedded in {settings.data_dir}"
    if settings.database_url is None and not (settings.data_dir / "postgres" / "PG_VERSION").exists():
        return [
            _embedded("postgresql", f"embedded, the first start makes it in {settings.data_dir}"),
            _held({}),
        ]
    try:
        async with database_url(settings) as url, open_database(url, 2) as database:
            state = await describe(database)
            doubted = await quarantine.counts(database) if state["has_quarantine"] else {}
            tiers = (
                Counter(one.tier for one in await universe.load(database)) if state["migrated"] else Counter()
            )
    except (StoreUnavailable, BadConfig) as error:
        return [Finding(area="store", name="postgresql", ok=False, found=str(error), mend="set DATABASE_URL")]
    scale = f"TimescaleDB {state['timescaledb']}" if state["timescaledb"] else "no TimescaleDB"
    tables = "migrated" if state["migrated"] else "not migrated yet: the service does it when it starts"
    store = Finding(
        area="store", name="postgresql", ok=True, found=f"{state['postgresql']}, {scale}, {tables} ({where})"
    )
    return [store, _held(tiers), _doubted(doubted)]


def _embedded(name: str, found: str) -> Finding:
    return Finding(area="store", name=name, ok=True, found=found)


def _doubted(counts: Mapping[str, int]) -> Finding:
    """How many bars are quarantined: no fault, but somebody may want to look."""
    found = ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
    advice = "" if not found else "`market-data quality list`"
    return Finding(area="quality", name="quarantined", ok=True, found=found or "none", mend=advice)


def _held(tiers: Mapping[Tier, int]) -> Finding:
    return Finding(
        area="universe",
        name="symbols",
        ok=bool(tiers),
        found=", ".join(f"{tier} {count}" for tier, count in sorted(tiers.items())) or "empty",
        mend="" if tiers else "`market-data universe add AAPL --tier T0`",
    )


async def _redis(settings: Settings) -> Finding:
    if settings.rlc_redis_url is None:
        return _embedded("redis", "embedded Valkey, starts with the service")
    client = open_redis(settings.rlc_redis_url.get_secret_value())
    try:
        with reachable():
            version = (await client.info("server")).get("redis_version", "?")
    except StoreUnavailable as error:
        return Finding(area="store", name="redis", ok=False, found=str(error), mend="set RLC_REDIS_URL")
    finally:
        await client.aclose()
    return Finding(area="store", name="redis", ok=True, found=f"{version} (RLC_REDIS_URL)")


async def _providers(configuration: Configuration, *, ask: bool) -> list[Finding]:
    providers = discover()
    known = accounts(configuration, providers)
    async with Transport() as transport:
        found = await asyncio.gather(
            *(
                _provider(transport, one, known[name], configuration.settings, ask=ask)
                for name, one in providers.items()
            )
        )
    return [finding for findings in found for finding in findings] + [
        Finding(area="terms", name=name, ok=True, found=one.facts.terms)
        for name, one in providers.items()
        if known[name].key or not one.facts.needs_key
    ]


async def _provider(
    transport: Transport, provider: Provider, account: Account, settings: Settings, *, ask: bool
) -> list[Finding]:
    facts = provider.facts
    if facts.needs_key and not account.key:
        mend = f"set {facts.settings_prefix}_API_KEY"
        return [
            Finding(area="provider", name=facts.name, ok=False, found="DISABLED: it needs a key", mend=mend)
        ]
    findings = []
    for capability, reach in facts.reach.items():
        name = f"{facts.name} {capability}"
        if ask:  # one after the other: some plans allow one call a second
            findings.append(await _asked(transport, provider, account, settings, capability))
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            note = "a paid plan may be needed" if reach.premium else "not asked"
            findings.append(Finding(area="provider", name=name, ok=True, found=note))
    return findings


async def _asked(
    transport: Transport, provider: Provider, account: Account, settings: Settings, capability: Capability
) -> Finding:
    facts, name = provider.facts, f"{provider.facts.name} {capability}"
    query = _probe(capability, facts.reach[capability], time.time())
    started = time.perf_counter()
    try:
        request = provider.request(query, account)
        response = await transport.send(request, facts.lane, settings.call_timeout_sec)
        answer = provider.parse(query, response)
    except ProviderFault as fault:
        detail = redact(fault.detail, account.secrets)[:LONGEST_DETAIL]
        mend = _mend(fault, facts)
        return Finding(area="provider", name=name, ok=False, found=f"{fault.code}: {detail}", mend=mend)
    took = f"{(time.perf_counter() - started) * 1000:.0f} ms"
    told = f"{answer.price:g}" if isinstance(answer, Quote) else f"{len(answer)} bars"
    return Finding(area="provider", name=name, ok=True, found=f"{told} of {query.symbol} in {took}")


def _mend(fault: ProviderFault, facts: Facts) -> str:
    prefix = facts.settings_prefix
    match fault:
        case Refused(whole=True):
            mend = f"check {prefix}_API_KEY"
        case Refused():
            mend = f"a plan of {facts.title} that covers it; without it others are asked"
        case Throttled(retry_after=float() as seconds):
            mend = f"wait {seconds:.0f} s; the service lets it rest by itself"
        case Throttled():
            mend = "wait; the service lets it rest by itself"
        case Unavailable():
            mend = f"check the network and {prefix}_BASE_URL"
        case Malformed():
            mend = f"check {prefix}_BASE_URL; its protocol may have changed"
        case _:
            mend = "nothing: others are asked"
    return mend


def _probe(capability: Capability, reach: Reach, now: float) -> Query:
    """A small question about a symbol that everybody has, for the newest bars that must exist."""
    kind = next((kind for kind in PROBES if kind in reach.asset_types), AssetType.EQUITY)
    settled = now - reach.delay
    labels = hours_of("US", kind).regular.last_labels(settled, capability.interval or Interval.M1, PROBE_BARS)
    query = Query(capability, PROBES[kind], kind, Span(int(labels[0]), int(labels[-1]) + 1), now)
    return query.of(reach.told(query) or query.span)


def _show(report: Report) -> None:
    table = Table("", "what", "found", "what would mend it")
    for one in report.findings:
        mark = "[green]ok[/]" if one.ok else "[red]no[/]"
        table.add_row(mark, f"{one.area} {one.name}", escape(one.found), escape(one.mend))
    data.print(table)
    say("The service can do its job." if report.able else "The service cannot do its job yet.")
