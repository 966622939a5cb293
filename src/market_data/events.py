"""Facts worth telling: domain code states them, telemetry turns them into counters and lines."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProviderAsked:
    """One call to a provider ended. `code` is "ok" or the code of its fault."""

    provider: str
    endpoint: str
    capability: str
    code: str
    milliseconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BarsWritten:
    """One answer was judged, and written in `milliseconds`; `changed` of `told` bars were new or changed."""

    symbol: str
    interval: str
    source: str
    told: int
    changed: int
    rejected: int
    milliseconds: float
    reasons: tuple[tuple[str, int], ...] = ()  # why bars were rejected, and how many of them


@dataclass(frozen=True, slots=True)
class BarsDoubted:
    """Bars of an answer were strange; `outcome` says what became of them (see `market.doubt`)."""

    symbol: str
    interval: str
    source: str
    doubt: str
    outcome: str
    bars: int


@dataclass(frozen=True, slots=True)
class JobFinished:
    """A fetch job ended; `outcome` is "done", "waiting" (nobody could serve it), "handed back" (a store
    cannot be reached: it is tried again), "expired" or "failed" (a bug).
    """

    type: str
    symbol: str
    provider: str
    outcome: str
    milliseconds: float
    detail: str = ""
    error: BaseException | None = field(default=None, compare=False)  # the bug


@dataclass(frozen=True, slots=True)
class JobDropped:
    """An entry of a queue became a dead letter: it is no job, or it has killed those who tried it."""

    entry: str
    detail: str


@dataclass(frozen=True, slots=True)
class Swept:
    """The universe was looked through and `jobs` were emitted for what is due."""

    symbols: int
    jobs: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Coordinated:
    """A coordinator sent `jobs`; so many due ones wait for room in the budgets, of T0 so many of them."""

    jobs: int
    waiting: int
    waiting_t0: int


@dataclass(frozen=True, slots=True)
class Unpublished:
    """Bars were written that could not be published: they are when Redis is back."""

    symbol: str
    interval: str
    bars: int
    detail: str


@dataclass(frozen=True, slots=True)
class RedisOut:
    """Redis cannot be reached, or can be again (`out` is false)."""

    out: bool
    replicas: int  # that are alive, as far as is known


@dataclass(frozen=True, slots=True)
class UniverseEmpty:
    """Nothing is collected, for the universe is empty; `remedy` says how to fill it."""

    remedy: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An instrument of the universe cannot be collected, and why."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """Bars were sent to `clients`; `ages` says how many ms each had been on the stream by then."""

    clients: int
    ages: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MessagesDropped:
    """A slow client lost messages: conflated away, or with its connection."""

    count: int


@dataclass(frozen=True, slots=True)
class GapsFound:
    """So many gaps were found that no backfill covered."""

    interval: str
    count: int


@dataclass(frozen=True, slots=True)
class Rebased:
    """A provider's adjusted history was multiplied by `factor`: so many older days are asked for again."""

    symbol: str
    provider: str
    factor: float
    days: int


@dataclass(frozen=True, slots=True)
class Expired:
    """Rows of a table were deleted because of their age."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class RetentionSet:
    """TimescaleDB's retention policy of a table was set as a setting says; 0 days: it drops nothing."""

    table: str
    days: float


@dataclass(frozen=True, slots=True)
class BackfillsQueued:
    """So many backfills of a tier were added to the ledger."""

    tier: str
    count: int


@dataclass(frozen=True, slots=True)
class BackfillEnded:
    """An attempt of a backfill ended: `status` is "done", "queued" (it is tried again) or "dead"."""

    id: int
    tier: str
    symbol: str
    status: str
    attempt: int
    vacant: int  # spans in which nothing had traded
    milliseconds: float
    detail: str = ""
    error: BaseException | None = field(default=None, compare=False)  # a bug that ended the attempt


@dataclass(frozen=True, slots=True)
class AggregatesBuilt:
    """Bars of 5m and 1h were built where late writes had touched them; `left` notes of such are left."""

    left: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class SchemaNoticed:
    """The schema is newer than this program, or cannot be changed yet; the start goes on."""

    detail: str


@dataclass(frozen=True, slots=True)
class ClockCompared:
    """Our clock became wrong by the providers' clocks, or right again, or cursors were repaired.

    `seconds` is how far it is ahead of theirs.
    """

    seconds: float
    healed: int
    detail: str


@dataclass(frozen=True, slots=True)
class CalendarChanged:
    """A closure of an exchange was announced or revoked; this process follows it from now on."""

    calendar: str
    day: str
    effect: str  # "closed", "closes" with the time, or "revoked"
    reason: str


@dataclass(frozen=True, slots=True)
class LoopFailed:
    """A background task met an error; a loop starts again after a pause."""

    loop: str
    detail: str
    kind: str = ""  # the class of the error
    error: BaseException | None = field(default=None, compare=False)  # a bug: an outage has no traceback


@dataclass(frozen=True, slots=True)
class LoopStalled:
    """The event loop was held up for too long, `stalls` times; `running` names what ran in the longest.

    Where `cpu` is much less than `milliseconds`, it did not compute: it waited in a call, or for the GIL.
    """

    stalls: int
    milliseconds: float  # of the longest
    cpu: float  # ms of processor time in the longest
    running: str  # "" where it was over before it could be looked at


Event = (
    ProviderAsked
    | BarsWritten
    | BarsDoubted
    | JobFinished
    | JobDropped
    | Swept
    | UniverseEmpty
    | Skipped
    | Coordinated
    | Unpublished
    | RedisOut
    | Published
    | MessagesDropped
    | GapsFound
    | Rebased
    | Expired
    | RetentionSet
    | BackfillsQueued
    | BackfillEnded
    | AggregatesBuilt
    | SchemaNoticed
    | ClockCompared
    | CalendarChanged
    | LoopFailed
    | LoopStalled
)
Tell = Callable[[Event], None]
