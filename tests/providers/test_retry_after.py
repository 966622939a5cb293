"""How long a provider asks to be left alone, read from headers that may hold anything."""

import pytest

from market_data.provider import LARGEST_RETRY_AFTER, Response, retry_after, sent_at

DATE = "Fri, 02 Oct 2026 13:32:41 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 17 ", 17.0),
        ("9" * 400, LARGEST_RETRY_AFTER),
        ("Fri, 02 Oct 2026 13:33:11 GMT", 30.0),
        ("Fri, 02 Oct 2026 13:00:00 GMT", 0.0),
        ("Fri, 02 Oct 2099 13:00:00 GMT", LARGEST_RETRY_AFTER),
    ],
)
def test_both_forms_are_seconds_of_at_most_a_day(header: str, seconds: float) -> None:
    assert retry_after(Response(429, {"retry-after": header, "date": DATE}, b"")) == seconds


@pytest.mark.parametrize(
    "header", ["", "soon", "1.5", "-3", "²", "٣", "Fri, 02 Oct 2026 13:33:11 -0000", "Fri, 99 Oct 2026"]
)
def test_what_cannot_be_read_says_nothing(header: str) -> None:
    assert retry_after(Response(429, {"retry-after": header, "date": DATE}, b"")) is None


def test_a_moment_without_the_providers_clock_says_nothing() -> None:
    assert retry_after(Response(429, {"retry-after": DATE}, b"")) is None


def test_no_header_says_nothing() -> None:
    assert retry_after(Response(429, {}, b"")) is None
    assert sent_at(Response(429, {}, b"")) is None


def test_the_providers_clock_is_epoch_seconds() -> None:
    assert sent_at(Response(200, {"date": DATE}, b"")) == 1790947961.0
