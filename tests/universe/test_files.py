"""Files in four formats: what is written is read again; what cannot be used is told row by row."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_data.errors import BadQuestion
from market_data.market.instrument import AssetType, Tier
from market_data.market.member import Member
from market_data.universe import FileKind, Sheet, drafts_of, written
from market_data.universe import files as work

members = st.lists(
    st.builds(
        Member,
        st.from_regex(r"[A-Z]{1,5}", fullmatch=True),
        st.sampled_from(["NYSE", "NASDAQ"]),
        st.sampled_from([AssetType.EQUITY, AssetType.ETF]),
        st.sampled_from(list(Tier)),
        st.none() | st.floats(0, 1e15),
        st.none() | st.floats(0, 1e15),
        st.booleans(),
        st.booleans(),
        st.none() | st.dates(date(1900, 1, 1), date(2000, 1, 1)),
        st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda one: one.symbol,
)


@settings(deadline=None)
@given(members, st.sampled_from(list(FileKind)))
def test_what_is_written_is_read_again(given_: list[Member], kind: FileKind) -> None:
    drafts = drafts_of(Sheet("all", kind, written(kind, given_)))
    assert [one.applied(None) for one in drafts] == given_


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("no symbol,,,", "is not a symbol"),
        (",T0,,", "symbol is missing"),
        ("AAPL,T9,,", "tier 'T9' is not one of T0, T1, T2"),
        ("AAPL,T0,-5,", "adv_21d '-5' is no number of zero or more"),
        ("AAPL,T0,nan,", "adv_21d 'nan'"),
        ("AAPL,T0,5,someday", "listed 'someday' is no date: write 2025-10-08"),
        ("AAPL,T0,5,2025-01-01,more", "more fields than the header"),
    ],
)
def test_a_row_that_cannot_be_used_is_told(row: str, says: str) -> None:
    sheet = Sheet("all.csv", FileKind.CSV, f"symbol,tier,adv_21d,listed\n{row}\nMSFT,,,\n".encode())
    with pytest.raises(BadQuestion) as raised:
        drafts_of(sheet)
    assert "all.csv, line 2" in str(raised.value)
    assert says in str(raised.value)
    assert "nothing was written" in str(raised.value)


@pytest.mark.parametrize("kind", FileKind)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"PAR1", b"[1, 2]", b'{"a": [', b"[" * 100_000])
def test_what_is_no_such_file_is_refused(kind: FileKind, content: bytes) -> None:
    with pytest.raises(BadQuestion):
        drafts_of(Sheet("bad", kind, content))


def test_many_mistakes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "\n".join(["symbol", *["no symbol"] * 80])
    with pytest.raises(BadQuestion, match="and 30 more"):
        drafts_of(Sheet("all.csv", FileKind.CSV, rows.encode()))
    monkeypatch.setattr(work, "MOST_ROWS", 3)
    with pytest.raises(BadQuestion, match="more than 3 rows"):
        drafts_of(Sheet("all.csv", FileKind.CSV, b"symbol\nA\nB\nC\nD\n"))
