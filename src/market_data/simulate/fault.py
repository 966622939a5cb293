"""The faults that can be switched on while the simulator runs: one table for help, page and tests."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from market_data.errors import BadQuestion
from market_data.simulate.tape import canonical

EVERY = "*"
"""Stands for every provider."""
LONGEST_HANG = 600.0
"""Seconds for which a request is held at most."""
LONGEST_LATENCY = 60_000.0
"""Milliseconds."""
LONGEST_PAUSE = 60.0
"""Seconds between two bytes of a slow body."""
LARGEST_BODY = 1000.0
"""Megabytes."""


class Fault(StrEnum):
    """A way to fail; its value is the spelling in the control API and on the command line."""

    LATENCY = "latency"
    HANG = "hang"
    HTTP_429 = "http_429"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    OVER_PLAN = "over_plan"
    MAINTENANCE = "maintenance"
    GARBAGE = "garbage"
    CUT_BODY = "cut_body"
    SLOW_BODY = "slow_body"
    LARGE_BODY = "large_body"
    WRONG_SCHEMA = "wrong_schema"
    UNEQUAL_ARRAYS = "unequal_arrays"
    WRONG_SYMBOL = "wrong_symbol"
    NO_DATA = "no_data"
    LATE_BARS = "late_bars"
    MISSING_MINUTES = "missing_minutes"
    REVISED_BARS = "revised_bars"
    NAN = "nan"
    NEGATIVE = "negative"
    FIRST_VOLUME_ZERO = "first_volume_zero"
    DUPLICATE_ROWS = "duplicate_rows"
    CONFLICTING_ROWS = "conflicting_rows"
    OUT_OF_ORDER = "out_of_order"


@dataclass(frozen=True, slots=True)
class Line:
    """What a fault does, and what its `value` means (`unit` empty: it takes none)."""

    does: str
    unit: str = ""
    usual: float | None = None
    largest: float = 0.0


Mute = Mapping[Fault, str]
"""The faults that a provider's answers could not show, and why they could not."""

_SHARE = "% of the rows"

FAULTS: Mapping[Fault, Line] = {
    Fault.LATENCY: Line("waits before it answers", "ms", 1000, LONGEST_LATENCY),
    Fault.HANG: Line(
        "takes the request and never answers; then the connection is closed", "s", 120, LONGEST_HANG
    ),
    Fault.HTTP_429: Line(
        "answers 429 in the provider's own words; with a value, also with a Retry-After header",
        "s of Retry-After",
        None,
        86_400,
    ),
    Fault.HTTP_500: Line("answers 500 with an HTML page"),
    Fault.HTTP_502: Line("answers 502 with the HTML page of a gateway"),
    Fault.OVER_PLAN: Line(
        "answers as when the plan is used up (Alpha Vantage: a text in a 200 that repeats the key)"
    ),
    Fault.MAINTENANCE: Line("answers 200 with an HTML page that says 'Will be right back'"),
    Fault.GARBAGE: Line("answers 200 with bytes that are not JSON"),
    Fault.CUT_BODY: Line("closes the connection in the middle of the body that Content-Length announced"),
    Fault.SLOW_BODY: Line("sends the body byte by byte, with a pause after each", "s", 1, LONGEST_PAUSE),
    Fault.LARGE_BODY: Line("sends so many blanks after the body", "MB", 100, LARGEST_BODY),
    Fault.WRONG_SCHEMA: Line("answers JSON in which every key has another name"),
    Fault.UNEQUAL_ARRAYS: Line(
        "one close is missing from the columns, or from the last row (Alpha Vantage: from every row)"
    ),
    Fault.WRONG_SYMBOL: Line("answers for another symbol, at twice the price"),
    Fault.NO_DATA: Line("says that there are no bars, in the provider's own words, though there are"),
    Fault.LATE_BARS: Line("holds back the bars that ended in the newest minutes", "min", 3, 1440),
    Fault.MISSING_MINUTES: Line("leaves out bars, always the same ones", _SHARE, 20, 100),
    Fault.REVISED_BARS: Line("tells another close and volume than before it was switched on", "% up", 1, 50),
    Fault.NAN: Line("tells closes as NaN", _SHARE, 100, 100),
    Fault.NEGATIVE: Line("tells prices below zero", _SHARE, 100, 100),
    Fault.FIRST_VOLUME_ZERO: Line("sends volume 0 in the first row of each answer of minutes, as Yahoo does"),
    Fault.DUPLICATE_ROWS: Line("tells rows twice, alike", _SHARE, 100, 100),
    Fault.CONFLICTING_ROWS: Line("tells rows twice, with different closes", _SHARE, 100, 100),
    Fault.OUT_OF_ORDER: Line("tells every second row first"),
}


@dataclass(frozen=True, slots=True)
class Switched:
    """A fault that is on. Raises BadQuestion if it cannot be: the text says what would be right."""

    provider: str  # EVERY for all
    fault: Fault
    symbol: str | None = None  # None: whatever is asked for
    value: float | None = None  # in the fault's unit
    probability: float = 1.0
    times: int | None = None  # how many requests it strikes before it switches itself off; None: no end

    def __post_init__(self) -> None:
        line = FAULTS[self.fault]
        if self.value is not None and not line.unit:
            raise BadQuestion(f"{self.fault} takes no value")
        if self.value is not None and not 0 < self.value <= line.largest:
            raise BadQuestion(
                f"value {self.value:g} of {self.fault}: more than 0 and at most {line.largest:g} {line.unit}"
            )
        if not 0 < self.probability <= 1:
            raise BadQuestion(f"probability {self.probability:g}: more than 0 and at most 1")
        if self.times is not None and self.times < 1:
            raise BadQuestion(f"times {self.times}: 1 or more, or leave it out for no end")

    @property
    def amount(self) -> float | None:
        """The value, or what it usually is."""
        return FAULTS[self.fault].usual if self.value is None else self.value

    def concerns(self, provider: str, symbols: Collection[str]) -> bool:
        """Whether it is meant for requests for these symbols at this provider."""
        here = self.provider in {EVERY, provider}
        return here and (self.symbol is None or self.symbol in symbols)


def check_shown(fault: Switched, providers: Mapping[str, Mute]) -> None:
    """Raise BadQuestion, with the reason, if the answers of the fault's provider could not show it."""
    if because := providers.get(fault.provider, {}).get(fault.fault):
        raise BadQuestion(f"{fault.fault} cannot be switched on at {fault.provider}: {because}")


def read_provider(text: object, providers: Collection[str], *, every: bool = True) -> str:
    """The provider spelled `text`; BadQuestion names those that exist."""
    known = [*sorted(providers), EVERY] if every else sorted(providers)
    if text not in known:
        raise BadQuestion(f"unknown provider {str(text)[:40]!r}: use one of {', '.join(known)}")
    return str(text)


def read_fault(text: object) -> Fault:
    """The fault spelled `text`; BadQuestion names those that exist."""
    try:
        return Fault(str(text))
    except ValueError:
        raise BadQuestion(f"unknown fault {str(text)[:40]!r}: use one of {', '.join(Fault)}") from None


def read_switched(told: Mapping[str, object], providers: Mapping[str, Mute]) -> Switched:
    """The fault that a JSON object describes; BadQuestion says what is wrong with it."""
    known = ("provider", "fault", "symbol", "value", "probability", "times")
    if strange := sorted(set(told) - set(known)):
        raise BadQuestion(f"unknown field {strange[0][:40]!r}: use {', '.join(known)}")
    if missing := [name for name in known[:2] if name not in told]:
        raise BadQuestion(f"{missing[0]} is missing: a fault needs provider and fault")
    symbol, times = told.get("symbol"), told.get("times")
    if symbol is not None and not isinstance(symbol, str):
        raise BadQuestion("symbol: a text such as AAPL, or leave it out for all")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool)):
        raise BadQuestion("times: a whole number, or leave it out for no end")
    probability = _number(told, "probability")
    switched = Switched(
        read_provider(told["provider"], providers),
        read_fault(told["fault"]),
        canonical(symbol) if symbol else None,
        _number(told, "value"),
        1.0 if probability is None else probability,
        times,
    )
    check_shown(switched, providers)
    return switched


def read_option(text: str, providers: Mapping[str, Mute]) -> Switched:
    """The fault that `PROVIDER:FAULT[=VALUE][@SYMBOL]` describes, as in yahoo:latency=500@AAPL."""
    subject, _, symbol = text.partition("@")
    provider, colon, rest = subject.partition(":")
    fault, _, value = rest.partition("=")
    if not colon:
        raise BadQuestion(f"{text[:60]!r} is no fault: write PROVIDER:FAULT, as in yahoo:latency=500@AAPL")
    told: dict[str, object] = {"provider": provider, "fault": fault}
    if symbol:
        told["symbol"] = symbol
    if value:
        try:
            told["value"] = float(value)
        except ValueError:
            raise BadQuestion(f"{value[:40]!r} in {text[:60]!r} is not a number") from None
    return read_switched(told, providers)


def _number(told: Mapping[str, object], name: str) -> float | None:
    number = told.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise BadQuestion(f"{name}: a number, or leave it out")
    return float(number)
