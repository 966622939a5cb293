"""market-data universe: what is collected, shown and changed."""

from pathlib import Path

import pytest

from .conftest import Run


def test_symbols_are_added_shown_and_removed(run: Run) -> None:
    assert run("universe", "list", "--json").json == []
    assert run("universe", "add", "aapl", "SPY", "--tier", "T0", "--exchange", "NYSE").code == 0
    assert run("universe", "add", "BTC-USD", "AAPL").code == 0
    assert run("universe", "remove", "SPY").code == 0
    listed = run("universe", "list", "--json").json
    assert [(one["symbol"], one["tier"], one["asset_type"]) for one in listed] == [
        ("AAPL", "T2", "equity"),
        ("BTC-USD", "T2", "crypto"),
    ]
    everything = run("universe", "list", "--all").out
    assert "SPY" in everything
    assert "no" in everything.split("SPY")[1].splitlines()[0]


def test_a_symbol_that_is_not_there_cannot_be_removed_and_nothing_is(run: Run) -> None:
    run("universe", "add", "AAPL")
    ran = run("universe", "remove", "AAPL", "MSFT")
    assert ran.code == 4
    assert "MSFT" in ran.err
    assert [one["symbol"] for one in run("universe", "list", "--json").json] == ["AAPL"]


def test_every_symbol_that_cannot_be_one_is_named_and_nothing_is_added(run: Run) -> None:
    ran = run("universe", "add", "AAPL", "not one", "neither this", "--exchange", "XNYS")
    assert ran.code == 2
    assert "not one" in ran.err
    assert "neither this" in ran.err
    assert run("universe", "list", "--json").json == []


def test_an_exchange_without_a_calendar_is_refused(run: Run) -> None:
    ran = run("universe", "add", "AAPL", "--exchange", "MOON")
    assert ran.code == 2
    assert "no calendar for exchange 'MOON'" in ran.err


def test_a_large_file_is_loaded_whole(run: Run, tmp_path: Path) -> None:
    rows = [f"S{number},T{number % 3}" for number in range(8000)]
    (tmp_path / "all.csv").write_text("\n".join(["symbol,tier", *rows]))
    ran = run("universe", "load", "all.csv")
    assert ran.code == 0, ran.err
    assert "8000 written" in ran.err
    assert len(run("universe", "list", "--json").json) == 8000


def test_a_file_may_name_exchange_and_kind(run: Run, tmp_path: Path) -> None:
    text = "symbol,tier,exchange,asset_type\nSPY,t0,NYSE,etf\nETH-USD,T1,,\n^GSPC,T2,,index\n"
    (tmp_path / "some.csv").write_text(text, encoding="utf-8-sig")
    assert run("universe", "load", "some.csv").code == 0
    listed = run("universe", "list", "--json").json
    assert [(one["symbol"], one["exchange"], one["asset_type"]) for one in listed] == [
        ("SPY", "NYSE", "etf"),
        ("ETH-USD", "CRYPTO", "crypto"),
        ("^GSPC", "US", "index"),
    ]


def test_every_bad_row_is_told_with_its_line_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    rows = [
        "symbol,tier,asset_type",
        "AAPL,T0,equity",
        "MSFT,T7,equity",
        "no symbol,T0,equity",
        "SPY,T0,fund",
    ]
    rows += ["TSLA", "AAPL,T1,etf", "IBM,T1,equity,extra", "QQQ,T1,etf"]
    (tmp_path / "bad.csv").write_text("\n".join(rows))
    ran = run("universe", "load", "bad.csv")
    assert ran.code == 2
    assert [line.split(":")[2] for line in ran.err.splitlines() if "bad.csv" in line] == [
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
    ]
    assert "AAPL is on line 2 already" in ran.err
    assert "nothing was written" in ran.err
    assert run("universe", "list", "--json").json == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"symbol,exchange\nAAPL,NYSE\n", "tier"),
        (b"", "symbol, tier"),
        (b"symbol,tier\n", "no row"),
        (b"\xff\xfe\x00symbol,tier", "UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_symbols_is_refused(
    run: Run, tmp_path: Path, content: bytes, named: str
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    ran = run("universe", "load", "bad.csv")
    assert ran.code == 2
    assert named in ran.err
    assert "Traceback" not in ran.err
