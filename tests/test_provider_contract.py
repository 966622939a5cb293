"""What every provider is built with: questions cut to size, statuses read as faults, bodies read as JSON."""

from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unavailable, Unsupported
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span, epoch
from market_data.provider import (
    LARGEST_RETRY_AFTER,
    Account,
    Query,
    Reach,
    Request,
    Response,
    fault_of,
    read_json,
    retry_after,
)

DATE = "Fri, 02 Oct 2026 13:32:41 GMT"
SENT = epoch(datetime(2026, 10, 2, 13, 32, 41, tzinfo=UTC))
DAY = 86_400
ZONES = ["America/New_York", "Asia/Tokyo", "Europe/London", "UTC", "America/Havana"]
"""Havana's summer has begun at midnight of the first of a month: that midnight does not exist."""


def reach(longest_span: int | None = None, months_of: str | None = None) -> Reach:
    return Reach("chart", frozenset({AssetType.EQUITY}), longest_span=longest_span, months_of=months_of)


def between(start: str, end: str) -> Span:
    return Span.between(datetime.fromisoformat(start), datetime.fromisoformat(end))


def answer(status: int, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("span", "borders"),
    [
        # standard time until 8 March 2026, 2:00
        (between("2026-02-27T00:00Z", "2026-04-02T00:00Z"), ["2026-03-01T05:00Z", "2026-04-01T04:00Z"]),
        # summer time until 1 November 2026, 2:00
        (between("2026-10-31T00:00Z", "2026-12-02T00:00Z"), ["2026-11-01T04:00Z", "2026-12-01T05:00Z"]),
        (between("2025-12-31T12:00Z", "2026-01-01T12:00Z"), ["2026-01-01T05:00Z"]),
        (between("2026-03-01T05:00Z", "2026-04-01T04:00Z"), []),
        (between("2026-03-01T04:59Z", "2026-03-01T05:01Z"), ["2026-03-01T05:00Z"]),
    ],
)
def test_months_of_new_york_end_at_its_midnight_in_winter_and_in_summer(
    span: Span, borders: list[str]
) -> None:
    pieces = reach(months_of="America/New_York").pieces(span)
    cuts = [span.start, *(epoch(datetime.fromisoformat(one)) for one in borders), span.end]
    assert pieces == [Span(*pair) for pair in pairwise(cuts)]


@given(
    st.integers(0, 2**31),
    st.integers(1, 400 * DAY),
    st.none() | st.integers(DAY, 40 * DAY),
    st.none() | st.sampled_from(ZONES),
)
def test_pieces_make_up_the_span_and_one_call_can_answer_each(
    start: int, seconds: int, longest: int | None, zone: str | None
) -> None:
    span = Span(start, start + seconds)
    pieces = reach(longest, zone).pieces(span)
    assert (pieces[0].start, pieces[-1].end) == (span.start, span.end)
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert max(piece.seconds for piece in pieces) <= (longest or seconds)
    if zone is not None:
        months = [_months(piece, ZoneInfo(zone)) for piece in pieces]
        assert all(len(each) == 1 for each in months)
        assert longest is not None or len(set.union(*months)) == len(pieces)


def _months(piece: Span, zone: ZoneInfo) -> set[tuple[int, int]]:
    ends = (datetime.fromtimestamp(at, zone) for at in (piece.start, piece.end - 1))
    return {(end.year, end.month) for end in ends}


def test_without_limits_one_call_is_enough() -> None:
    span = Span(0, 10**9)
    assert reach().pieces(span) == [span]


def told(reach: Reach, capability: Capability, start: str, end: str, now: str) -> Span | None:
    at = datetime.fromisoformat(now).timestamp()
    return reach.told(Query(capability, "AAPL", AssetType.EQUITY, between(start, end), at))


@pytest.mark.parametrize(
    ("capability", "now", "expected"),
    [
        # it is the evening of 2 July in New York until 04:00 UTC of the third
        (Capability.BARS_1M, "2026-07-03T03:59Z", between("2026-06-30T13:30Z", "2026-07-02T04:00Z")),
        (Capability.BARS_1M, "2026-07-03T04:00Z", between("2026-06-30T13:30Z", "2026-07-03T04:00Z")),
        (Capability.EOD, "2026-07-03T03:59Z", between("2026-06-30T13:30Z", "2026-07-02T00:00Z")),
        (Capability.EOD, "2026-07-03T04:00Z", between("2026-06-30T13:30Z", "2026-07-03T00:00Z")),
        (Capability.BARS_1M, "2026-06-30T20:00Z", None),
        (Capability.QUOTES_L1, "2026-07-03T03:59Z", between("2026-06-30T13:30Z", "2026-07-03T20:00Z")),
    ],
)
def test_who_tells_nothing_of_the_running_day_is_asked_for_the_days_before(
    capability: Capability, now: str, expected: Span | None
) -> None:
    without_today = Reach("aggs", frozenset({AssetType.EQUITY}), today_in="America/New_York")
    assert told(without_today, capability, "2026-06-30T13:30Z", "2026-07-03T20:00Z", now) == expected


def test_who_does_not_reach_back_to_all_of_it_is_asked_for_the_rest() -> None:
    shallow = Reach("ohlc", frozenset({AssetType.EQUITY}), depth=3600)
    window = ("2026-07-03T10:00Z", "2026-07-03T12:00Z")
    assert told(shallow, Capability.BARS_1M, *window, "2026-07-03T10:30Z") == between(*window)
    rest = told(shallow, Capability.BARS_1M, *window, "2026-07-03T12:00:00.5Z")
    assert rest == between("2026-07-03T11:00:01Z", "2026-07-03T12:00Z")
    assert told(shallow, Capability.BARS_1M, *window, "2026-07-03T13:00Z") is None


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        *((status, Refused) for status in (401, 402, 403)),
        *((status, Throttled) for status in (429, 999)),
        *((status, Unsupported) for status in (404, 410)),
        *((status, Unavailable) for status in (408, 500, 502, 503, 504, 520, 599)),
        *((status, Malformed) for status in (100, 301, 302, 304, 400, 405, 406, 418, 451)),
    ],
)
def test_a_status_means_its_fault_which_keeps_the_payload(status: int, fault: type[ProviderFault]) -> None:
    found = fault_of(answer(status, b"why"))
    assert type(found) is fault
    assert found.payload == b"why"
    assert str(status) in found.detail


@given(st.integers(100, 999))
def test_every_status_but_success_is_a_fault(status: int) -> None:
    assert (fault_of(answer(status)) is None) == (200 <= status < 300)


@pytest.mark.parametrize(("status", "whole"), [(401, True), (402, False), (403, False)])
def test_a_bad_key_is_refused_whole_and_a_small_plan_in_part(status: int, whole: bool) -> None:
    fault = fault_of(answer(status))
    assert isinstance(fault, Refused)
    assert fault.whole is whole


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("Fri, 02 Oct 2026 13:33:11 GMT", 30.0)])
def test_a_throttled_answer_carries_its_rest_in_both_forms(header: str, seconds: float) -> None:
    fault = fault_of(answer(429, retry_after=header, date=DATE))
    assert isinstance(fault, Throttled)
    assert fault.retry_after == seconds


def test_a_throttled_answer_may_not_say_for_how_long() -> None:
    fault = fault_of(answer(429))
    assert isinstance(fault, Throttled)
    assert fault.retry_after is None


@given(st.integers(0, 10**30))
def test_a_rest_in_seconds_is_a_day_at_most(seconds: int) -> None:
    assert retry_after(answer(429, retry_after=str(seconds))) == min(seconds, LARGEST_RETRY_AFTER)


@given(st.integers(-(10**9), 10**10))
def test_a_rest_until_a_moment_counts_from_the_providers_own_clock(seconds: int) -> None:
    until = format_datetime(datetime.fromtimestamp(SENT + seconds, UTC), usegmt=True)
    expected = min(max(seconds, 0), LARGEST_RETRY_AFTER)
    assert retry_after(answer(429, retry_after=until, date=DATE)) == expected


words = st.sampled_from([*DATE.split(), ":", "(", "-0000", "+9999", "99", '"', "\t", "²"]) | st.text(
    max_size=3
)
headers = st.lists(words, max_size=8).map(" ".join)


@given(headers, headers)
def test_whatever_the_headers_hold_a_rest_is_a_number_or_unknown(header: str, date: str) -> None:
    rest = retry_after(answer(429, retry_after=header, date=date))
    assert rest is None or 0 <= rest <= LARGEST_RETRY_AFTER


class Told(msgspec.Struct):
    price: float
    symbol: str = ""


def test_a_body_of_the_documented_shape_is_read() -> None:
    told = read_json(answer(200, b' {"price": 1.5, "symbol": "A", "new": [1]} '), Told)
    assert told == Told(1.5, "A")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"null", b"[]", b"{}", b"<html>", b"\xff\xfe", b"\x00"),
        b'{"price": 1.5',
        b'{"price": 1.5} trailing',
        b'{"price": "1.5"}',
        b'{"price": NaN}',
        b'{"price": null}',
        b'{"price": 1.5, "symbol": "\xff"}',
        b'{"price": 1.5, "other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_any_other_body_is_malformed_and_kept(body: bytes) -> None:
    with pytest.raises(Malformed, match=r"^not the documented JSON: ") as caught:
        read_json(answer(200, body), Told)
    assert caught.value.payload == body


@given(st.binary(max_size=60) | st.text('{}[]":,.0123456789eprice ', max_size=60).map(str.encode))
def test_whatever_a_body_holds_is_read_or_malformed(body: bytes) -> None:
    try:
        expected = msgspec.json.decode(body, type=Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        with pytest.raises(Malformed) as caught:
            read_json(answer(200, body), Told)
        assert caught.value.payload == body
    else:
        assert read_json(answer(200, body), Told) == expected


def test_nothing_that_is_shown_has_a_secret() -> None:
    key, secret = "k3y", "s3cret"
    account = Account("https://example.test", (), key, secret)
    request = Request("https://example.test", {"apikey": key}, {"X-Secret": secret})
    assert account.secrets == (key, secret)
    assert Account("https://example.test", ()).secrets == ()
    for shown in (repr(account), repr(request)):
        assert key not in shown
        assert secret not in shown


def test_a_question_says_what_it_asks() -> None:
    span = between("2026-03-09T13:30Z", "2026-03-09T20:00Z")
    query = Query(Capability.BARS_1M, "AAPL", AssetType.EQUITY, span, float(span.end))
    assert str(query) == "bars_1m of AAPL [2026-03-09T13:30:00Z, 2026-03-09T20:00:00Z)"
