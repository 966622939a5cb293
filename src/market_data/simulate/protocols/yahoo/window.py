"""What a chart is asked for: its interval and its window, within what Yahoo allows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate.protocol import Reply
from market_data.simulate.tape import Listing

RANGES = ("1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max")

_DAY = Interval.D1.seconds
_INTERVALS = {
    "1m": Interval.M1, "5m": Interval.M5, "15m": Interval.M15,
    "60m": Interval.H1, "1h": Interval.H1, "1d": Interval.D1,
}  # fmt: skip
_VALID = "1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h, 4h, 1d, 5d, 1wk, 1mo, 3mo"
_DEPTH_DAYS = {Interval.M1: 30, Interval.M5: 60, Interval.M15: 60, Interval.H1: 730}
_LONGEST_MINUTES = 8 * _DAY
_RANGE_DAYS = {"1mo": 30, "3mo": 91, "6mo": 182, "1y": 365, "2y": 730, "5y": 1826, "10y": 3652}
_SECONDS = re.compile(r"-?\d{1,11}")


@dataclass(frozen=True, slots=True)
class Window:
    """Both ends belong to it: `period2` acts inclusive."""

    interval: Interval
    spelled: str
    begin: int
    end: int
    range: str  # as it was asked for; empty if by periods
    early_and_late: bool


def zone_of(listing: Listing) -> ZoneInfo:
    """The time zone of the instrument's exchange."""
    return ZoneInfo("UTC" if listing.asset_type is AssetType.CRYPTO else "America/New_York")


def problem(status: int, code: str, description: str) -> Reply:
    """An error as charts tell it."""
    return Reply(status, {"chart": {"result": None, "error": {"code": code, "description": description}}})


def read_window(params: Mapping[str, str], listing: Listing, now: float) -> Window | Reply:
    """The window of a request, or the answer that refuses it."""
    by_periods = "period1" in params
    spelled = params.get("interval", "1d" if by_periods else "1m")
    interval = _INTERVALS.get(spelled)
    if interval is None:
        known = spelled in _VALID.split(", ")
        text = f"interval={spelled} is not {'simulated' if known else 'supported'}"
        return problem(422, "Unprocessable Entity", f"Invalid input - {text}. Valid intervals: [{_VALID}]")
    begin: int | None
    end: int | None
    if by_periods:
        begin, end = _period(params["period1"]), _period(params.get("period2", str(int(now))))
    else:
        begin, end = _begin(params.get("range", "1d"), listing, now), int(now)
    if begin is None or end is None or begin > end:
        return problem(400, "Bad Request", "Invalid input - period1, period2 or range cannot be read")
    early_and_late = params.get("includePrePost", "false").lower() == "true"
    asked = "" if by_periods else params.get("range", "1d")
    window = Window(interval, spelled, begin, end, asked, early_and_late and not listing.one_session)
    return _refusal(window, listing, now) or window


def _period(text: str) -> int | None:
    return int(text) if _SECONDS.fullmatch(text) else None


def _begin(asked: str, listing: Listing, now: float) -> int | None:
    today = int(now) - int(now) % _DAY
    if asked in {"1d", "5d"}:
        begun = listing.hours.regular.sessions(Span(today - 21 * _DAY, int(now) + 1))
        return begun[-int(asked[0]) :][0].start if begun else today
    if asked == "ytd":
        zone = zone_of(listing)
        return int(datetime(datetime.fromtimestamp(now, zone).year, 1, 1, tzinfo=zone).timestamp())
    if asked == "max":
        return listing.first
    return today - _RANGE_DAYS[asked] * _DAY if asked in _RANGE_DAYS else None


def _refusal(window: Window, listing: Listing, now: float) -> Reply | None:
    subject = f"{window.spelled} data not available for startTime={window.begin} and endTime={window.end}."
    if window.interval is Interval.M1 and window.end - window.begin > _LONGEST_MINUTES:
        limit = "Only 8 days worth of 1m granularity data are allowed to be fetched per request."
        return problem(422, "Unprocessable Entity", f"{subject} {limit}")
    depth = _DEPTH_DAYS.get(window.interval)
    if depth is not None and window.begin <= now - depth * _DAY:
        limit = f"The requested range must be within the last {depth} days."
        return problem(422, "Unprocessable Entity", f"{subject} {limit}")
    if window.end < listing.first or window.begin > now or (listing.last and window.begin >= listing.last):
        text = f"Data doesn't exist for startDate = {window.begin}, endDate = {window.end}"
        return problem(400, "Bad Request", text)
    return None
