"""Every command, used wrongly but plausibly: one clear line and an exit code, never a traceback."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from market_data.cli import main
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe
from market_data.store.connect import open_database

from .conftest import Ran, Run
from .test_help import ALL

SECRET = "hunter2"  # noqa: S105 - what must not be said
LEAVES = {path for path, command in ALL.items() if not hasattr(command, "commands")}
Typed = Callable[..., Ran]

WINDOW = "--start 2025-10-08T14:00:00Z --end 2025-10-08T15:00:00Z"
BACKWARDS = "--start 2025-10-08T15:00:00Z --end 2025-10-08T14:00:00Z"
HUGE = 2**63
WRONG: list[tuple[str, int, str]] = [
    ("backfill add AAPL --interval 5m " + WINDOW, 2, "use 1m or 1d"),
    ("backfill add AAPL --interval 2s " + WINDOW, 2, "1m"),
    ("backfill add AAPL " + BACKWARDS, 2, "start must be before end"),
    ("backfill add AAPL --start yesterday --end 2025-10-08T15:00:00Z", 2, "2025-10-08T14:00:00Z"),
    ("backfill add AAPL --start 2000-01-01T00:00:00Z --end 2025-10-08T15:00:00Z", 2, "too long"),
    ("backfill add MSFT " + WINDOW, 4, "not in the universe"),
    ("backfill add ODD " + WINDOW, 2, "`market-data universe set ODD --exchange NASDAQ`"),
    ("backfill list --status lost", 2, "queued, running, done, dead"),
    ("backfill list --tier T9", 2, "T9"),
    ("backfill requeue 999", 4, "no dead letter 999"),
    (f"backfill requeue {HUGE}", 2, str(HUGE - 1)),
    ("backfill delete 999", 4, "no dead letter 999"),
    (f"backfill delete {HUGE}", 2, str(HUGE - 1)),
    ("backfill watch now", 2, "now"),
    ("backup file", 2, "--force"),
    ("backup folder", 2, "directory"),
    ("backup nowhere/file", 2, "no folder nowhere"),
    ("backup /dev/null --force", 2, "not a regular file"),
    ("bars MSFT", 4, "not in the universe"),
    ("bars a,b", 2, "not a symbol"),
    ("bars ODD", 2, "no calendar for exchange 'MOON'"),
    ("bars AAPL --interval 7x", 2, "unknown interval '7x'"),
    ("bars AAPL " + BACKWARDS, 2, "start must be before end"),
    ("bars AAPL --start 2025-10-08", 2, "2025-10-08T14:00:00Z"),
    ("bars AAPL --as-of never", 2, "as_of"),
    ("bars AAPL --adjustment split", 2, "adjustment"),
    ("bars AAPL --format csv --output folder", 2, "not a regular file"),
    ("bars AAPL --format csv --output file/x.csv", 2, "no folder file"),
    ("bars AAPL --output x.csv", 2, "--format"),
    ("calendar close MOON 2025-01-09 --reason x", 2, "no calendar for exchange 'MOON'"),
    ("calendar close XNYS 2025-01-32 --reason x", 2, "2025-01-32"),
    ("calendar close XNYS 2025-01-08 --reason x --at 25:00", 2, "25:00"),
    ("calendar list MOON", 2, "no calendar for exchange 'MOON'"),
    ("calendar list --as-of then", 2, "as-of"),
    ("calendar revoke 99", 4, "99"),
    ("calendar revoke MOON 2025-01-09", 2, "no calendar for exchange 'MOON'"),
    ("coordinate", 3, "RLC_REDIS_URL"),
    ("coverage AAPL --interval 5m", 2, "use 1m or 1d"),
    ("coverage AAPL " + BACKWARDS, 2, "start must be before end"),
    ("coverage MSFT", 4, "not in the universe"),
    ("coverage ODD --interval 1d", 2, "no calendar for exchange 'MOON'"),
    ("demo --port 99999", 2, "65535"),
    ("demo --simulator-port 99999", 2, "65535"),
    ("doctor now", 2, "now"),
    ("export file", 2, "cannot be made"),
    ("export file/below", 2, "cannot be made"),
    ("export /proc/nowhere", 2, "cannot be made"),
    ("export folder --interval 7x", 2, "unknown interval '7x'"),
    ("export folder --symbol MSFT", 4, "MSFT: not in the universe"),
    ("export folder --symbol ODD", 2, "no calendar for exchange 'MOON'"),
    ("export folder --from-year 2026 --to-year 2025", 2, "2026 is after"),
    ("export folder --as-of tomorrow", 2, "as-of"),
    ("migrate now", 2, "now"),
    ("plan now", 2, "now"),
    (f"quality accept {HUGE} --reason x", 2, str(HUGE - 1)),
    ("quality accept 999 --reason x", 4, "999"),
    ("quality accept 999 --reason=", 2, "--reason"),
    (f"quality reject {HUGE} --reason x", 2, str(HUGE - 1)),
    ("quality list --interval 5m", 2, "use 1m or 1d"),
    ("quality list a,b", 2, "not a symbol"),
    ("repair levels --symbol MSFT", 4, "not in the universe"),
    ("repair levels --symbol ODD", 2, "no calendar for exchange 'MOON'"),
    ("restore missing", 4, "missing"),
    ("restore file", 2, "restore into an empty one"),
    ("restore folder", 2, "directory"),
    ("serve --port 99999", 2, "65535"),
    ("simulate --port 0 --recorded AAPL=missing.csv", 3, "missing.csv"),
    ("simulate --port 0 --recorded AAPL=folder", 3, "folder"),
    ("simulate --port 0 --timezone Moon/Base", 3, "Moon/Base"),
    ("simulate --port 0 --fault yahoo:latency=soon", 2, "soon"),
    ("simulate --port 0 --plan nobody=free", 3, "nobody"),
    ("simulate --port 0 --host 999.1.1.1", 3, "999.1.1.1"),
    ("universe add MSFT --exchange MOON", 2, "no calendar for exchange 'MOON'"),
    ("universe add MSFT --kind bond", 2, "bond"),
    ("universe add a,b", 2, "not a symbol"),
    ("universe diff nothing", 4, "nothing"),
    ("universe diff wrong.csv", 2, "MOON"),
    ("universe export /proc/nowhere.csv", 2, "cannot be written"),
    ("universe export folder --format csv", 2, "not a regular file"),
    ("universe export file/x.csv", 2, "no folder file"),
    ("universe export nowhere/x.csv", 2, "no folder nowhere"),
    ("universe export x.txt", 2, ".csv"),
    ("universe import missing.csv", 2, "missing.csv"),
    ("universe import binary.csv", 2, "binary.csv"),
    ("universe import binary.parquet", 2, "binary.parquet"),
    ("universe import wrong.csv", 2, "line 2"),
    ("universe list --as-of then", 2, "as-of"),
    ("universe list --version nothing", 4, "nothing"),
    ("universe remove MSFT", 4, "MSFT"),
    ("universe rename MSFT META", 4, "MSFT"),
    ("universe rename AAPL ODD", 2, "ODD"),
    ("universe retier now", 2, "now"),
    ("universe rollback nothing", 4, "nothing"),
    ("universe set AAPL", 2, "nothing to set"),
    ("universe set AAPL --listed 0001-01-01", 2, "1700-01-01"),
    ("universe set AAPL --delisted 9999-12-31", 2, "2999-12-31"),
    ("universe set AAPL --adv-21d nan", 2, "adv_21d"),
    ("universe set ODD --tier T1", 2, "no calendar for exchange 'MOON'"),
    ("universe versions now", 2, "now"),
]

WHOLE = [
    "backfill add AAPL " + WINDOW,
    *("backfill list", "backfill requeue 1", "backfill delete 1", "backfill watch"),
    *("backup out.dump", "bars AAPL", "coverage AAPL", "export out", "migrate", "plan", "repair levels"),
    *("calendar close XNYS 2025-01-08 --reason x", "calendar list", "calendar revoke 1"),
    *("quality list", "quality accept 1 --reason x", "quality reject 1 --reason x", "restore file"),
    *(
        "universe add AAPL",
        "universe diff v1",
        "universe export x.csv",
        "universe list",
        "universe remove AAPL",
    ),
    *("universe import right.csv", "universe rename AAPL META", "universe retier", "universe rollback v1"),
    *("universe set AAPL --tier T1", "universe versions", "serve --port 0", "doctor --no-ask", "coordinate"),
]
"""Each command that opens the database, used rightly."""
OF_BOTH = ("serve", "coordinate")
"""They open Redis too."""
LOGGING = ("serve", "coordinate", "simulate", "demo")
"""They set the logs of their process up: they run in one of their own."""
DOWN = f"postgresql://user:{SECRET}@127.0.0.1:1/none"
ODD = """
INSERT INTO symbol_universe (symbol, exchange, asset_type, tier, active)
VALUES ('ODD', 'MOON', 'equity', 'T0', true)
"""
BAR = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider, as_of)
VALUES ('AAPL', '1m', $1::text::timestamptz, 1, 2, 1, 1.5, 7, 'yahoo', '2025-10-08T14:02:00Z')
"""
NO_DATABASE = {("demo",), ("simulate",)}
"""They bring what they need."""


@pytest.fixture
def typed(
    run: Run,
    tmp_path: Path,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Typed:
    """`typed("bars AAPL")`: what a user types, where it can be in this process, with no traceback."""
    for name in list(os.environ):
        if name.endswith(("_URL", "_KEY", "_SECRET")):
            monkeypatch.delenv(name)
    (tmp_path / "file").write_text("something")
    (tmp_path / "folder").mkdir()
    for name in ("binary.csv", "binary.parquet"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "right.csv").write_text("symbol\nAAPL\n")
    (tmp_path / "wrong.csv").write_text("symbol,exchange\nAAPL,MOON\n")
    monkeypatch.chdir(tmp_path)

    def ran(words: str, **settings: str) -> Ran:
        first, *others = words.split(" ")
        found = run(first, *others, **settings) if first in LOGGING else here(words, settings)
        assert "Traceback" not in found.err
        return found

    def here(words: str, settings: dict[str, str]) -> Ran:
        for name, value in {"DATABASE_URL": postgres_url, **settings}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["market-data", *words.split(" ")])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return ran


@pytest.fixture
def odd(postgres_url: str) -> None:
    """AAPL, and ODD whose exchange nobody knows."""

    async def fill() -> None:
        async with open_database(postgres_url, 1) as database:
            await universe.put(database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
            await database.run(ODD)

    asyncio.run(fill())


def test_no_command_is_left_out() -> None:
    assert {path for path in LEAVES if any(_is(path, words) for words, _, _ in WRONG)} == LEAVES
    assert {path for path in LEAVES if any(_is(path, words) for words in WHOLE)} == LEAVES - NO_DATABASE


def _is(path: tuple[str, ...], words: str) -> bool:
    return tuple(words.split(" ")[: len(path)]) == path


@pytest.mark.parametrize(("words", "code", "named"), WRONG, ids=[words for words, _, _ in WRONG])
@pytest.mark.usefixtures("odd")
def test_wrong_use_is_a_line_that_says_what_is_wrong(
    typed: Typed, tmp_path: Path, words: str, code: int, named: str
) -> None:
    before = {one.name for one in tmp_path.iterdir()}
    ran = typed(words)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert named in " ".join(ran.err.replace("│", " ").split()), ran.err
    assert (tmp_path / "file").read_text() == "something"
    assert {one.name for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize("words", [one for one in WHOLE if one.split(" ")[0] not in OF_BOTH])
def test_a_database_that_is_down_is_a_line(typed: Typed, words: str) -> None:
    ran = typed(words, DATABASE_URL=DOWN)
    assert ran.code == 1, ran.err
    assert "DATABASE_URL: nothing listens at 127.0.0.1:1" in ran.out + ran.err
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("words", OF_BOTH)
@pytest.mark.parametrize("down", ["DATABASE_URL", "RLC_REDIS_URL"])
def test_a_store_that_is_down_ends_the_service_with_a_line(run: Run, words: str, down: str) -> None:
    settings = {"RLC_REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1/0", "PORT": "0"}
    ran = run(words, **settings | ({"DATABASE_URL": DOWN} if down == "DATABASE_URL" else {}))
    assert (ran.code, ran.out) == (1, ""), ran.err
    assert f"{down}: nothing listens at 127.0.0.1:1" in ran.err
    assert "Traceback" not in ran.err
    assert SECRET not in ran.err


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", f"postgresql://user:{SECRET}@127.0.0.1:port/x"),
        ("DATABASE_URL", f"postgresql://user:{SECRET}@[broken/x"),
        ("DATABASE_URL", f"mysql://user:{SECRET}@127.0.0.1/x"),
        ("RLC_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:port/0"),
        ("RLC_REDIS_URL", f"http://:{SECRET}@127.0.0.1/0"),
    ],
)
def test_a_url_that_cannot_be_read_is_named_without_its_password(typed: Typed, name: str, url: str) -> None:
    ran = typed("doctor --no-ask", **{name: url})
    assert ran.code in {1, 3}
    assert name in ran.out + ran.err
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("words", ["bars AAPL", "bars AAPL --csv", "coverage AAPL", "export out"])
@pytest.mark.parametrize("moment", ["infinity", "-infinity"])
@pytest.mark.usefixtures("odd")
def test_a_bar_at_infinity_is_a_line_that_names_it(
    typed: Typed, postgres_url: str, words: str, moment: str
) -> None:
    async def write() -> None:
        async with open_database(postgres_url, 1) as database:
            await database.run(BAR, moment)

    asyncio.run(write())
    ran = typed(words)
    assert (ran.code, ran.out) == (2, "")
    assert f"AAPL: candles_intraday holds a 1m bar at {moment}, which is no time of a bar" in ran.err
    found = typed("doctor --no-ask")
    assert f"candles_intraday holds a 1m bar at {moment}" in found.out
    assert "no calendar for exchange 'MOON'" in found.out


@pytest.mark.usefixtures("odd")
def test_a_symbol_of_an_unknown_exchange_can_be_removed_or_corrected(typed: Typed) -> None:
    assert typed("universe remove ODD").code == 0
    assert typed("universe set ODD --exchange NASDAQ --on").code == 0
    assert typed("bars ODD").code == 0


@pytest.mark.usefixtures("odd")
def test_an_export_of_all_leaves_out_what_cannot_be_read_and_says_so(typed: Typed) -> None:
    ran = typed("export out")
    assert ran.code == 0
    assert "left out: ODD: no calendar for exchange 'MOON'" in ran.err
