"""What an operator may change: read from environment, a directory and `.env`; validated; frozen."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from market_data.errors import BadConfig
from market_data.market.capability import Capability
from market_data.market.instrument import Tier
from market_data.setting_kinds import (
    Cadence,
    DatabaseUrl,
    Days,
    EodTiers,
    History,
    Names,
    Origins,
    RedisUrl,
    Sessions,
    TierMaxs,
)

CONFIG_DIRECTORY = "CONFIG_DIR"
"""The variable that names the directory with one file a setting (a mounted ConfigMap or Secret)."""
EOD_SECONDS = 86_400
"""The cadence of daily bars where none is named."""
LARGEST_FILE = 65_536
"""Bytes of one such file."""

_PROVIDER_SETTING = re.compile(r"([A-Z][A-Z0-9_]*)_(API_KEY|SECRET|BASE_URL|LIMITS)")


class Settings(BaseModel):
    """Every setting by its variable's name in lower case; the description is its documentation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=0, le=65_535, description="Port of HTTP and WebSocket; 0 takes a free one.")
    data_dir: Path = Field(
        Path(".market-data/serve"), description="Where the embedded PostgreSQL and Valkey keep their data."
    )
    database_url: DatabaseUrl | None = Field(
        None, description="PostgreSQL 14+, with or without TimescaleDB; unset: the embedded PostgreSQL."
    )
    rlc_redis_url: RedisUrl | None = Field(
        None, description="Redis 6+ or Valkey; unset: the embedded Valkey."
    )
    database_pool_size: int = Field(8, ge=2, le=100, description="Connections to PostgreSQL.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Minimum log level.")
    log_format: Literal["json", "text"] = Field("text", description="One JSON object per line, or text.")
    ops_api_token: SecretStr | None = Field(
        None, description="Token (Authorization: Bearer) for callers of /ops that are not on the loopback."
    )

    use_rlc: bool = Field(
        False,
        description="Whether fetch jobs come from a rate-limit coordinator, not from the local sweeper.",
    )
    local_sweep_enabled: bool = Field(True, description="Whether the local sweeper emits fetch jobs.")
    local_sweep_tick_sec: float = Field(30.0, ge=0.2, le=3600, description="Seconds between sweeps.")
    fetch_concurrency: int = Field(32, ge=1, le=256, description="Fetch jobs under way at once.")
    fetch_deadline_sec: float = Field(30.0, ge=1, le=600, description="Seconds for one job, all providers.")
    call_timeout_sec: float = Field(10.0, ge=0.1, le=120, description="Seconds for one call to a provider.")

    policy_bars_1m: Names = Field(
        ("alpaca", "finnhub", "yahoo", "alphavantage"), description="Preferred order of providers, 1m bars."
    )
    policy_eod: Names = Field(
        ("yahoo", "alphavantage", "finnhub"), description="Preferred order of providers, daily bars."
    )
    policy_quotes_l1: Names = Field(("finnhub", "yahoo"), description="Preferred order of providers, quotes.")
    providers_disabled: Names = Field((), description="Providers that are never asked, such as `yahoo`.")
    cadence_t0: Cadence = Field(
        {Capability.BARS_1M: 60, Capability.QUOTES_L1: 5}, description="Seconds between fetches, tier T0."
    )
    cadence_t1: Cadence = Field(
        {Capability.BARS_1M: 300, Capability.QUOTES_L1: 15}, description="Seconds between fetches, tier T1."
    )
    cadence_t2: Cadence = Field({Capability.EOD: 86_400}, description="Seconds between fetches, tier T2.")
    eod_tiers: EodTiers = Field(
        tuple(Tier),
        description="Tiers with daily bars after each close, even if CADENCE_* names no `eod`; or `none`.",
    )
    tier_maxs: TierMaxs = Field({Tier.T0: 1200, Tier.T1: 3000}, description="Most instruments of a tier.")
    live_batch_size: int = Field(500, ge=1, le=100_000, description="Rows in one live write.")

    quotes_keep_days: int = Field(
        14, ge=1, le=3650, description="Days that quotes are kept, by the time of their trade."
    )
    minutes_keep_days: Days = Field(
        0,
        description="Days that minutes are kept on plain PostgreSQL, with their vacancies; 0: for ever."
        " On TimescaleDB the retention policy of `candles_intraday` decides (365 days).",
    )
    keep_partial_revisions: bool = Field(
        False,
        description="Whether each value that a bar had before it was final is kept, for `as_of`.",
    )
    revisions_keep_days: Days = Field(
        3650,
        description="Days that `as_of` reaches back: old values of bars are kept so long; 0: for ever.",
    )
    cursor_history_keep_days: Days = Field(
        365,
        description="Days for which `as_of` knows up to when minutes without trades were known; 0: for ever.",
    )
    rejected_keep_days: Days = Field(
        90, description="Days that impossible bars are kept after they were last sent; 0: for ever."
    )
    backfills_keep_days: Days = Field(30, description="Days that a backfill is kept when done; 0: for ever.")
    dead_letters_keep_days: Days = Field(
        365,
        description="Days that a dead letter is kept; what it lacks is then looked for again. 0: for ever.",
    )
    universe_keep_days: Days = Field(
        3650, description="Days that former states and versions of the universe are kept; 0: for ever."
    )
    slo_scan_sec: float = Field(
        15.0,
        ge=0,
        le=300,
        description="Seconds for which one scan of lag and violations counts, for all replicas together: as "
        "often as Prometheus asks; 0: each scrape scans.",
    )
    gap_scan_sec: float = Field(60.0, ge=0.2, le=3600, description="Seconds between scans for gaps.")
    history_1m_days: History = Field(
        {},
        description="Days of 1m bars that a tier should have, as in T0=30,T1=5; unset: what it has already.",
    )
    history_1d_years: History = Field(
        {},
        description="Years of daily bars that a tier should have, as in T0=10; unset: what it has already.",
    )
    recheck_after_sessions: Sessions = Field(
        (0, 5),
        description="How many sessions later minutes are asked for again, in the evening; or `none`.",
    )
    gap_extended_hours: bool = Field(
        False, description="Whether minutes of early and late trading can be missing too."
    )
    backfill_batch_size: int = Field(5000, ge=1, le=100_000, description="Rows in one backfill write.")
    backfill_max_concurrency_t0: int = Field(
        4, ge=0, le=64, description="Backfills of T0 at once, a replica."
    )
    backfill_max_concurrency_t1: int = Field(
        2, ge=0, le=64, description="Backfills of T1 at once, a replica."
    )
    backfill_max_concurrency_t2: int = Field(
        1, ge=0, le=64, description="Backfills of T2 at once, a replica."
    )
    backfill_max_queue_t0: int = Field(20_000, ge=0, description="Backfills of T0 that may wait.")
    backfill_max_queue_t1: int = Field(20_000, ge=0, description="Backfills of T1 that may wait.")
    backfill_max_queue_t2: int = Field(40_000, ge=0, description="Backfills of T2 that may wait.")
    backfill_dispatch_rate_per_sec: float = Field(
        2.0, gt=0, le=1000, description="Backfills that a replica starts in a second, at most."
    )
    backfill_lease_sec: float = Field(
        60.0, ge=1, le=3600, description="Seconds after which a dead worker's backfill is another's."
    )
    backfill_chunk_minutes: int = Field(
        1440, ge=1, le=10_080, description="Minutes in one backfill of 1m bars, at most."
    )

    aggregates_refresh_sec: float = Field(
        60.0, ge=0.2, le=3600, description="Seconds between builds of touched 5m and 1h bars (TimescaleDB)."
    )

    breaker_demote_threshold: float = Field(
        0.55, ge=0, le=1, description="Health below which a breaker opens."
    )
    breaker_promote_threshold: float = Field(0.70, ge=0, le=1, description="Health above which it may close.")
    breaker_cooldown_sec: float = Field(60, ge=0, le=3600, description="Seconds open before a trial.")
    breaker_promote_min_samples: int = Field(3, ge=1, le=100, description="Good trials before it closes.")

    ws_replay_max_bars: int = Field(
        120, ge=0, le=5000, description="Bars replayed to a client that connects."
    )
    ws_outbox_max_messages: int = Field(256, ge=8, le=65_536, description="Messages kept for a slow client.")
    ws_max_clients: int = Field(2000, ge=1, le=100_000, description="WebSocket clients at once.")
    ws_max_symbols: int = Field(
        1000, ge=1, le=100_000, description="Symbols that a client may follow beside `*`."
    )
    ws_origins: Origins = Field(
        (), description="Origins, beside the service's own, whose pages may open a WebSocket; `*`: all."
    )

    @model_validator(mode="after")
    def _demote_below_promote(self) -> "Settings":
        if self.breaker_demote_threshold >= self.breaker_promote_threshold:
            raise ValueError("BREAKER_DEMOTE_THRESHOLD: write a number below BREAKER_PROMOTE_THRESHOLD")
        return self

    @property
    def sweeps(self) -> bool:
        """Whether the local sweeper makes the fetch jobs."""
        return self.local_sweep_enabled and not self.use_rlc

    def policy(self, capability: Capability) -> tuple[str, ...]:
        """The preferred order of providers for a capability."""
        return {
            Capability.BARS_1M: self.policy_bars_1m,
            Capability.EOD: self.policy_eod,
            Capability.QUOTES_L1: self.policy_quotes_l1,
        }[capability]

    def cadence(self, tier: Tier) -> Mapping[Capability, int]:
        """Seconds between fetches of a tier's instruments, by capability."""
        named = {Tier.T0: self.cadence_t0, Tier.T1: self.cadence_t1, Tier.T2: self.cadence_t2}[tier]
        return {Capability.EOD: EOD_SECONDS, **named} if tier in self.eod_tiers else named

    def backfill_concurrency(self, tier: Tier) -> int:
        """Backfills of a tier at once."""
        return int(getattr(self, f"backfill_max_concurrency_{tier.lower()}"))

    def backfill_max_queue(self, tier: Tier) -> int:
        """Backfills of a tier that may wait."""
        return int(getattr(self, f"backfill_max_queue_{tier.lower()}"))


class Configuration(BaseModel):
    """The settings, what was read for providers, and which source won each setting."""

    model_config = ConfigDict(frozen=True)

    settings: Settings
    of_providers: dict[str, SecretStr]
    """`<PROVIDER>_API_KEY`, `_SECRET`, `_BASE_URL` and `_LIMITS`, by the variable's name."""
    sources: dict[str, str]
    """By the variable's name, where its value came from, and which sources it won over."""


class InForce:
    """The configuration in force. Parts look it up whenever they use it, so that a reload is one step."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.policy_version = 1
        """Counts the swaps."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.configuration.settings

    def swap(self, candidate: Configuration) -> None:
        """Put `candidate` in force."""
        self.configuration = candidate
        self.policy_version += 1


def read(environment: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Configuration:
    """The configuration from all sources: environment over directory over `.env` over the defaults.

    A variable that is set to nothing counts as unset. Raises BadConfig with one line for each setting that
    cannot be used.
    """
    environment = os.environ if environment is None else environment
    layers = {
        "environment": environment,
        "directory": _directory(environment.get(CONFIG_DIRECTORY, "").strip()),
        ".env": _dotenv(dotenv),
    }
    values: dict[str, str] = {}
    sources: dict[str, str] = {}
    for name in sorted(filter(_is_setting, {name for layer in layers.values() for name in layer})):
        holders = [source for source, layer in layers.items() if layer.get(name, "").strip()]
        if holders:
            values[name] = layers[holders[0]][name].strip()
            over = f", over {' and '.join(holders[1:])}" if holders[1:] else ""
            sources[name] = holders[0] + over
    return Configuration(
        settings=_validated({name.lower(): value for name, value in values.items() if name in _KNOWN}),
        of_providers={name: SecretStr(value) for name, value in values.items() if name not in _KNOWN},
        sources=sources,
    )


_KNOWN = frozenset(name.upper() for name in Settings.model_fields)


def _is_setting(name: str) -> bool:
    return name in _KNOWN or _PROVIDER_SETTING.fullmatch(name) is not None


def _validated(values: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)  # an input may be a secret
        told = ((one["loc"], _WORDS.get(one["type"], one["msg"])) for one in problems)
        raise BadConfig([_problem(where, what) for where, what in told]) from None


_WORDS = {
    "bool_parsing": "write true or false",
    "int_parsing": "write a whole number",
    "int_parsing_size": "write a smaller number",
    "float_parsing": "write a number",
}
"""What is right, for the kinds of error whose own text tells what is wrong."""


def _problem(where: tuple[int | str, ...], what: str) -> str:
    what = what.removeprefix("Value error, ").replace("Input should be", "it should be")
    if not where:  # about two settings at once: the text names them
        return what
    inside = f" ({where[1]})" if len(where) > 1 else ""
    return f"{str(where[0]).upper()}{inside}: {what}"


def _directory(path: str) -> dict[str, str]:
    """The settings in a directory by the names of its files; others there are not looked at."""
    if not path:
        return {}
    try:
        found = sorted(Path(path).iterdir())
    except (NotADirectoryError, FileNotFoundError):
        raise BadConfig([f"{CONFIG_DIRECTORY}: {path} is not a directory"]) from None
    except (OSError, ValueError) as error:  # ValueError: it has a character that no path has
        raise BadConfig([f"{CONFIG_DIRECTORY}: it cannot be read ({type(error).__name__})"]) from None
    values: dict[str, str] = {}
    problems: list[str] = []
    for one in found:
        if not (_is_setting(one.name) and one.is_file()):
            continue
        try:
            if one.stat().st_size > LARGEST_FILE:
                problems.append(f"{one.name}: its file is larger than {LARGEST_FILE} bytes")
            else:
                values[one.name] = one.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{one.name}: its file cannot be read ({type(error).__name__})")
    if problems:
        raise BadConfig(problems)
    return values


def _dotenv(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False)  # a $ in a password is a $
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig([f"{path}: it cannot be read ({type(error).__name__})"]) from None
    return {name: value for name, value in values.items() if value is not None}
