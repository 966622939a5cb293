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
    ran = run("universe", "import", "all.csv")
    assert ran.code == 0, ran.err
    assert "8000 written" in ran.err
    assert len(run("universe", "list", "--json").json) == 8000


def test_a_file_may_name_exchange_and_kind(run: Run, tmp_path: Path) -> None:
    text = "symbol,tier,exchange,asset_type\nSPY,t0,NYSE,etf\nETH-USD,T1,,\n^GSPC,T2,,index\n"
    (tmp_path / "some.csv").write_text(text, encoding="utf-8-sig")
    assert run("universe", "import", "some.csv").code == 0
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
    ran = run("universe", "import", "bad.csv")
    assert ran.code == 2
    told = [line for line in ran.err.splitlines() if "bad.csv, line" in line]
    assert [line.split("line ")[1].partition(":")[0] for line in told] == ["3", "4", "5", "7", "8"]
    assert "AAPL is on line 2 already" in ran.err
    assert "nothing was written" in ran.err
    assert run("universe", "list", "--json").json == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"ticker,exchange\nAAPL,NYSE\n", "ticker"),
        (b"", "symbol"),
        (b"symbol,tier\n", "no row"),
        (b"\xff\xfe\x00symbol,tier", "utf-8"),
    ],
)
def test_a_file_that_is_no_list_of_symbols_is_refused(
    run: Run, tmp_path: Path, content: bytes, named: str
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    ran = run("universe", "import", "bad.csv")
    assert ran.code == 2
    assert named in ran.err
    assert "Traceback" not in ran.err


GUIDE = """symbol,exchange,asset_type,adv_21d,mkt_cap,tier,active
AAPL,NASDAQ,equity,50000000,3000000000000,T0,true
GOOGL,NASDAQ,equity,25000000,1800000000000,T0,true
SPY,NYSE,etf,80000000,500000000000,T0,true
"""


def test_what_is_exported_is_imported_again_as_it_was(run: Run, tmp_path: Path) -> None:
    (tmp_path / "guide.csv").write_text(GUIDE)
    assert run("universe", "import", "guide.csv", "--tag", "2025w41-manual").code == 0
    for kind in ("csv", "json", "ndjson", "parquet"):
        assert run("universe", "export", f"all.{kind}").code == 0
        again = run("universe", "import", f"all.{kind}")
        assert again.code == 0, again.err
        assert "so already" in again.err
    assert [one["version_tag"] for one in run("universe", "versions", "--json").json] == ["2025w41-manual"]
    assert run("universe", "export", "--format", "csv").out == (tmp_path / "all.csv").read_text()


def test_versions_are_compared_and_gone_back_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "guide.csv").write_text(GUIDE)
    run("universe", "import", "guide.csv", "--tag", "first")
    assert run("universe", "set", "SPY", "--tier", "T1", "--delisted", "2030-01-31").code == 0
    assert run("universe", "rename", "GOOGL", "GOOG").code == 0
    assert run("universe", "diff", "first", "--json").json == {
        "added": ["GOOG"],
        "removed": ["GOOGL"],
        "changed": [
            {
                "symbol": "SPY",
                "fields": {"tier": ["T0", "T1"], "pinned": [False, True], "delisted": [None, "2030-01-31"]},
            }
        ],
    }
    then = run("universe", "list", "--version", "first", "--json").json
    assert [one["symbol"] for one in then] == ["AAPL", "GOOGL", "SPY"]
    assert run("universe", "rollback", "first").code == 0
    assert run("universe", "list", "--json").json == then
    assert run("universe", "rollback", "none").code == 4


def test_what_a_file_would_change_is_shown_before(run: Run, tmp_path: Path) -> None:
    (tmp_path / "guide.csv").write_text(GUIDE)
    run("universe", "import", "guide.csv")
    (tmp_path / "next.csv").write_text("symbol,adv_21d\nAAPL,1\nNEW,2\n")
    found = run("universe", "diff", "next.csv", "--json").json
    assert found["added"] == ["NEW"]
    assert found["changed"] == [{"symbol": "AAPL", "fields": {"adv_21d": [50000000.0, 1.0]}}]
    assert "NEW" not in run("universe", "list").out


def test_setting_nothing_is_refused(run: Run) -> None:
    run("universe", "add", "AAPL")
    ran = run("universe", "set", "AAPL")
    assert ran.code == 2
    assert "nothing to set" in ran.err
