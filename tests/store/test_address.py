"""Where a store is, in an error: host, port and database, never a part of a password."""

import pytest

from market_data.store.address import UNNAMED, address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:hunter2@db.example/market", "db.example:5432 (database market)"),
        ("postgresql://user:hunter2@db.example:6432/market", "db.example:6432 (database market)"),
        ("postgresql://user:hunt%40er2@a,b:6432/market", "a:5432,b:6432 (database market)"),
        ("postgresql://user:hunter2@[::1]:1/market", "[::1]:1 (database market)"),
        ("postgresql://user:hunter2@/market?host=/run/postgresql", "/run/postgresql (database market)"),
        ("postgresql:///market?password=hunter2&host=db&port=7", "db:7 (database market)"),
        ("postgresql://", "localhost:5432"),
        ("postgresql://user:hunter2@db/market?sslmode=require", "db:5432 (database market)"),
    ],
)
def test_host_port_and_database_are_shown_and_nothing_else(url: str, shown: str) -> None:
    assert address(url, 5432) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunt/er2@db/market",
        "postgresql://user:hunt?er2@db/market",
        "postgresql://user:hunt#er2@db/market",
        "postgresql://user:1/hunter2@db/market",
        "postgresql://user:hunter2@[db/market",
        "postgresql://user:hunter2@db/a%0Ab",
    ],
)
def test_of_a_url_that_is_ambiguous_nothing_is_shown(url: str) -> None:
    assert address(url, 5432) == UNNAMED


def test_no_more_is_shown_than_anybody_reads() -> None:
    assert len(address("postgresql://" + "h" * 5000 + "/market", 5432)) <= 200
