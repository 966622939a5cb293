"""market-data calendar: closures announced, shown and revoked."""

import pytest

from .conftest import Run

CLOSE = ("calendar", "close", "NASDAQ", "2025-07-02", "--reason", "National day of mourning")


def test_a_closure_is_announced_shown_and_revoked(run: Run) -> None:
    assert "nothing is announced" in run("calendar", "list").err
    made = run(*CLOSE, "--at", "13:00", "--json").json
    assert (made["calendar"], made["day"], made["closes"]) == ("XNYS", "2025-07-02", "2025-07-02T17:00:00Z")
    shown = run("calendar", "list", "US").out
    assert "closes 2025-07-02T17:00Z" in shown
    assert "National day of mourning" in shown
    assert run("calendar", "list", "XLON", "--json").json == []
    assert run("calendar", "list", "--as-of", "2020-01-01T00:00:00Z", "--json").json == []
    assert "is revoked" in run("calendar", "revoke", "NYSE", "2025-07-02").err
    assert run("calendar", "list", "--json").json == []
    (gone,) = run("calendar", "list", "--all", "--json").json
    assert gone["revoked_at"] >= gone["learned_at"]


def test_commands_know_what_is_announced(run: Run) -> None:
    run("universe", "add", "AAPL")
    assert run(*CLOSE).code == 0
    window = ("--start", "2025-07-02T13:00:00Z", "--end", "2025-07-02T21:00:00Z")
    found = run("coverage", "AAPL", *window, "--json").json
    assert [one["why"] for one in found] == ["", "announced: National day of mourning", ""]
    assert {one["state"] for one in found} == {"closed"}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((*CLOSE[:3], "2025-07-04", *CLOSE[4:]), 2, "the nearest are 2025-07-03 and 2025-07-07"),
        ((*CLOSE, "--at", "17:00"), 2, "09:30 to 16:00 America/New_York"),
        ((*CLOSE[:2], "MOON", *CLOSE[3:]), 2, "no calendar for exchange 'MOON'"),
        (("calendar", "revoke", "7"), 4, "no announcement 7 is in force"),
        (("calendar", "revoke", "XNYS", "2025-07-02"), 4, "nothing is announced of XNYS 2025-07-02"),
        (("calendar", "revoke", "XNYS"), 2, "give an id, or an exchange and a day"),
    ],
)
def test_what_cannot_be_done_says_why(run: Run, words: tuple[str, ...], code: int, says: str) -> None:
    ran = run(*words)
    assert ran.code == code
    assert says in ran.err
