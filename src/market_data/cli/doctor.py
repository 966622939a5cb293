"""The work of market-data doctor: what is configured, reachable, entitled and missing, on one screen."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from market_data.calendar import with_hours
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
from market_data.loops import task_group
from market_data.market.bar import Quote
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.provider import Account, Facts, Page, Provider, served_at
from market_data.providers import discover
from market_data.redact import redact
from market_data.route.account import accounts
from market_data.route.probe import probe
from market_data.route.vendor_time import VendorTime
from market_data.settings import Configuration, Settings, read
from market_data.store import bars, quarantine, retention, sizes, universe
from market_data.store.connect import Database, describe, open_database, standing
from market_data.store.redis import open_redis, reachable
from market_data.store.retention import BY_POLICY, Policy
from market_data.store.schema import COMMUNITY, Standing
from market_data.store.sizes import Size
from market_data.transport import Transport
from market_data.universe import doubles

PAUSE_SECONDS = 1.1
"""Between two questions to one provider."""
LARGEST = 5
"""Tables whose size is shown."""
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
    vendor_time = VendorTime()
    asked = await _providers(configuration, vendor_time, ask=ask)
    minutes = [one.ok for one in asked if one.name.endswith(Capability.BARS_1M)]
    able = all(one.ok for one in stored if one.area == "store") and any(minutes)
    return Report(able=able, findings=[*findings, _clock(vendor_time), *stored, *asked])


def _clock(vendor_time: VendorTime) -> Finding:
    offset = vendor_time.offset()
    mend = "set the clock right, for example with NTP" if offset.wrong else ""
    return Finding(area="clock", name="offset", ok=not offset.wrong, found=str(offset), mend=mend)


async def _database(settings: Settings) -> list[Finding]:
    where = "DATABASE_URL" if settings.database_url else f"embedded in {settings.data_dir}"
    if settings.database_url is None and not (settings.data_dir / "postgres" / "PG_VERSION").exists():
        return [
            _embedded("postgresql", f"embedded, the first start makes it in {settings.data_dir}"),
            _held({}),
        ]
    try:
        async with database_url(settings) as url, open_database(url, 2) as database:
            state, found = await describe(database), await standing(database)
            problem = found.problem()
            contents = [_held({})] if problem else await _contents(database, settings)
    except (StoreUnavailable, BadConfig) as error:
        return [Finding(area="store", name="postgresql", ok=False, found=str(error), mend="set DATABASE_URL")]
    scale = f"TimescaleDB {state['timescaledb']}" if state["timescaledb"] else "no TimescaleDB"
    store = Finding(
        area="store",
        name="postgresql",
        ok=not found.foreign and not (found.apache and problem and found.found) and state["writable"],
        found=f"{state['postgresql']}, {scale}, {_tables(found)} ({where})",
        mend=_remedy(found) if state["writable"] else database.read_only,
    )
    if problem and found.made:
        return [store, *_scaled(found), _unread()]
    return [store, *_scaled(found), *contents]


async def _contents(database: Database, settings: Settings) -> list[Finding]:
    """What there is to say of the rows of a database whose schema fits."""
    members = await universe.load(database)
    return [
        *_kept(await retention.policies(database), settings),
        *_large(await sizes.measured(database)),
        _held(Counter(member.tier for member in members)),
        *_doubles(members),
        *await _wrong_rows(database, members),
        _doubted(await quarantine.counts(database)),
    ]


async def _wrong_rows(database: Database, members: Sequence[Instrument]) -> list[Finding]:
    """Rows that only SQL by hand can have written: they are left out of everything, and nobody sees why."""
    _, wrong = with_hours(members)
    found = [("universe", row.instrument.symbol, row.why, row.remedy) for row in wrong]
    symbols = [member.symbol for member in members]
    for interval in (Interval.M1, Interval.D1):
        beyond = await bars.beyond_time(database, symbols, interval)
        found += [
            ("bars", str(interval), f"{symbol}: {what}", bars.BEYOND_TIME) for symbol, what in beyond.items()
        ]
    return [
        Finding(area=area, name=name, ok=False, found=what, mend=mend) for area, name, what, mend in found
    ]


def _tables(found: Standing) -> str:
    if not found.made:
        return "no tables yet: the service makes them when it starts"
    return f"schema {found}" if found.found else "schema without a version, older than this program"


def _remedy(found: Standing) -> str:
    problem = found.problem()
    if problem is None:
        return found.warning or ""
    if found.foreign:
        return problem
    return f"{problem}; a start of the service does it too" if found.made else ""


def _scaled(found: Standing) -> list[Finding]:
    """What TimescaleDB lacks, where it lacks something."""
    if not found.apache:
        return []
    return [
        Finding(
            area="timescaledb", name="license", ok=False, found=found.lacking, mend=f"{COMMUNITY}; or nothing"
        )
    ]


def _kept(policies: Iterable[Policy], settings: Settings) -> list[Finding]:
    """For how long TimescaleDB keeps what; a policy that was changed by hand overrides its setting."""
    findings = []
    for policy in policies:
        found = f"dropped after {policy.days:g} days" if policy.days else "never dropped"
        if policy.by_hand:
            found += ", as changed by hand"
            if policy.table in BY_POLICY:
                name, wanted = BY_POLICY[policy.table]
                found += f": {name} ({wanted(settings)}) has no effect"
        findings.append(Finding(area="retention", name=policy.table, ok=True, found=found))
    return findings


def _large(found: Sequence[Size]) -> list[Finding]:
    """The largest tables, and the sum of all."""
    if not found:
        return []
    named = [f"{size.table} {_bytes(size.bytes)} ({size.rows:,.0f} rows)" for size in found[:LARGEST]]
    total = _bytes(sum(size.bytes for size in found))
    return [Finding(area="store", name="size", ok=True, found=f"{total}: {', '.join(named)}")]


def _bytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _unread() -> Finding:
    return Finding(area="universe", name="symbols", ok=False, found="not read: the schema does not fit")


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
        mend="" if tiers else universe.ADD_A_SYMBOL,
    )


def _doubles(members: Iterable[Instrument]) -> list[Finding]:
    """One for each instrument that is collected under several spellings."""
    found = doubles(member.symbol for member in members)
    return [
        Finding(area="universe", name=f"{len(names)} spellings", ok=False, found=" ".join(names), mend=mend)
        for names, mend in found
    ]


async def _redis(settings: Settings) -> Finding:
    if settings.rlc_redis_url is None:
        return _embedded("redis", "embedded Valkey, starts with the service")
    try:
        client = open_redis(settings.rlc_redis_url.get_secret_value())
    except BadConfig as error:
        return Finding(area="store", name="redis", ok=False, found=str(error), mend="set RLC_REDIS_URL")
    try:
        with reachable(client):
            version = (await client.info("server")).get("redis_version", "?")
    except StoreUnavailable as error:
        return Finding(area="store", name="redis", ok=False, found=str(error), mend="set RLC_REDIS_URL")
    finally:
        await client.aclose()
    return Finding(area="store", name="redis", ok=True, found=f"{version} (RLC_REDIS_URL)")


async def _providers(configuration: Configuration, vendor_time: VendorTime, *, ask: bool) -> list[Finding]:
    providers = discover()
    known = accounts(configuration, providers)
    async with Transport() as transport, task_group() as group:
        settings = configuration.settings
        found = [
            group.create_task(
                _provider(transport, one, known[name], settings, vendor_time=vendor_time, ask=ask)
            )
            for name, one in providers.items()
        ]
    return [finding for findings in found for finding in findings.result()] + [
        Finding(area="terms", name=name, ok=True, found=one.facts.terms)
        for name, one in providers.items()
        if known[name].key or not one.facts.needs_key
    ]


async def _provider(
    transport: Transport,
    provider: Provider,
    account: Account,
    settings: Settings,
    *,
    vendor_time: VendorTime,
    ask: bool,
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
            found = _asked(transport, provider, account, settings, capability, vendor_time=vendor_time)
            findings.append(await found)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            note = "a paid plan may be needed" if reach.premium else "not asked"
            findings.append(Finding(area="provider", name=name, ok=True, found=note))
    return findings


async def _asked(
    transport: Transport,
    provider: Provider,
    account: Account,
    settings: Settings,
    capability: Capability,
    *,
    vendor_time: VendorTime,
) -> Finding:
    facts, name = provider.facts, f"{provider.facts.name} {capability}"
    query = probe(capability, facts.reach[capability], vendor_time.now())
    started, sent = time.perf_counter(), vendor_time.steady()
    try:
        request = provider.request(query, account)
        response = await transport.send(request, facts.lane, settings.call_timeout_sec)
        vendor_time.note(facts.name, served_at(response), sent)
        answer = provider.parse(query, response)
    except ProviderFault as fault:
        detail = redact(fault.detail, account.secrets)[:LONGEST_DETAIL]
        mend = _mend(fault, facts)
        return Finding(area="provider", name=name, ok=False, found=f"{fault.code}: {detail}", mend=mend)
    took = f"{(time.perf_counter() - started) * 1000:.0f} ms"
    came = answer.bars if isinstance(answer, Page) else answer
    what = f"{came.price}" if isinstance(came, Quote) else f"{len(came)} bars"
    return Finding(area="provider", name=name, ok=True, found=f"{what} of {query.symbol} in {took}")


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


def _show(report: Report) -> None:
    table = Table("", "what", "found", "what would mend it")
    for one in report.findings:
        mark = "[green]ok[/]" if one.ok else "[red]no[/]"
        table.add_row(mark, f"{one.area} {one.name}", escape(one.found), escape(one.mend))
    data.print(table)
    say("The service can do its job." if report.able else "The service cannot do its job yet.")
