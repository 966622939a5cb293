"""The newest bars of a series, against sorting all of them."""

from hypothesis import given
from hypothesis import strategies as st

from market_data.push.newest import Newest

puts = st.lists(st.tuples(st.integers(0, 12).map(lambda at: f"{at:03d}"), st.binary(max_size=2)), max_size=60)


@given(st.integers(1, 6), puts, puts)
def test_it_holds_the_newest_bars_as_they_stand_in_their_order(
    most: int, stored: list[tuple[str, bytes]], news: list[tuple[str, bytes]]
) -> None:
    known = dict(sorted(dict(stored).items())[-most:])
    newest = Newest(most, known.items())
    for bar, body in news:
        newest.put(bar, body)
        known[bar] = body
        known = dict(sorted(known.items())[-most:])
    assert newest.bodies() == list(known.values())


def test_it_may_hold_none() -> None:
    newest = Newest(0)
    newest.put("1", b"x")
    assert newest.bodies() == []
