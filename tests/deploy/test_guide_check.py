"""scripts/guide-check: its table is the guide, it sees what works, and it sees what does not."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guide import operating
from guide.errors import Broken
from guide.sees import answers, counted, metric, samples, says, tables
from guide.step import Seen, Step, Target, Verdict
from guide.walk import PARTS, tried
from market_data.store import universe
from serve.conftest import AAPL, Clock, Serving, at

from .programs import ROOT
from .test_guide import GUIDE

MOST_SECONDS = 240
"""How long it may take on a machine that does much else; alone it takes half a minute."""
STEPS = [step for part in PARTS for step in part.steps]
DEPLOYMENT = ROOT / "docs" / "DEPLOYMENT.md"


def blocks(page: Path) -> Iterator[str]:
    """The fenced blocks of a page without their comments."""
    for block in re.findall(r"(?ms)^```\w+\n(.*?)^```", page.read_text(encoding="utf-8")):
        yield re.sub(r"(?m)(^|\s\s+)(#|--) .*$", "", block)


def packed(text: str) -> str:
    """A text without blanks: where a line is broken does not matter."""
    return re.sub(r"\s+", "", text)


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not part of this repository")
def test_its_table_is_the_guide_line_by_line_and_in_order() -> None:
    theirs = [packed(line) for block in blocks(GUIDE) for line in block.splitlines() if packed(line)]
    last = next(part for part in PARTS if part.title.startswith("Beside the guide"))
    ours = [
        packed(line)
        for part in PARTS
        if part is not last
        for step in part.steps
        for line in step.guide.splitlines()
        if packed(line)
    ]
    # of targets, panels and what is expected the guide tells in comments: those are promises
    assert ours == theirs
    expected = re.findall(
        r"(?m)^# Expected(?: for healthy system)?:\s*(?:# )?(.+)$", GUIDE.read_text(encoding="utf-8")
    )
    assert len(expected) == 4
    promises = " ".join(step.promise for step in STEPS)
    assert [
        one for one in expected for words in one.split(", ") if packed(words) not in packed(promises)
    ] == []


def test_what_the_deployment_page_lets_an_operator_type_is_tried() -> None:
    typed = [
        command
        for block in blocks(DEPLOYMENT)
        for command in re.split(
            r"\n(?=\w)(?=curl|psql|pg_dump|gunzip|kubectl|SELECT|scripts|helm|docker)", "\n" + block
        )
        if re.match(r"\s*(curl|psql|pg_dump|gunzip|SELECT) ", command)
    ]
    assert len(typed) > 20
    known = {packed(words) for step in STEPS for words in (step.guide, step.stand_in)}
    assert [one for one in typed if packed(one) not in known] == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.guide[:40] or step.promise[:40])
def test_a_line_is_tried_or_says_why_not(step: Step) -> None:
    assert step.guide or step.promise
    ways = [
        bool(step.skip),
        step.instead is not None,
        bool((step.guide or step.stand_in) and not (step.skip or step.instead)),
    ]
    assert sum(ways) == 1
    named = re.findall(r"tests/[\w/]+\.py", step.skip)
    assert [one for one in named if not (ROOT / one).exists()] == []


def checked(*words: str, path: str = "") -> tuple[int, dict[str, str], str]:
    """Exit code of guide-check, verdicts by a line's first words, and all that it says."""
    environment = {name: os.environ[name] for name in ("HOME", "XDG_RUNTIME_DIR") if name in os.environ}
    environment |= {
        "PATH": f"{path}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("src", "tools")),
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "guide_check.py"), *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    text = done.stdout + done.stderr
    return (
        done.returncode,
        {line: verdict for verdict, line in re.findall(r"(?m)^(PASS|FAIL|SKIP)  (.*)$", text)},
        text,
    )


def test_on_its_own_stack_everything_is_as_promised_and_nothing_is_left(tmp_path: Path) -> None:
    code, verdicts, text = checked()
    assert "FAIL" not in verdicts.values(), text
    assert code == 0, text
    for line in (
        "psql -U trading_user -d trading_db -f db/migrations/20251008_market_data_core.sql",
        "INSERT INTO symbol_universe (symbol, exchange, asset_type, adv_21d, mkt_cap, tier, active) VALUES",
        "curl http://localhost:8001/health",
        "(traffic routes to Yahoo/AlphaVantage)",
        "(value for value)",
        "wscat -c ws://localhost:8001/ws/AAPL",
        "curl -X POST http://localhost:8001/ops/dlq/backfills/requeue/12345",
        "kubectl scale deployment market-data-service -n trading --replicas=3",
        "gunzip < backup_20251008.sql.gz | psql -U trading_user trading_db",
        "(nothing is lost)",
    ):
        assert verdicts[line] == "PASS", text
    assert "finnhub is OPEN" in text
    assert "DELETE 11" in text
    assert "a replay of 120 bars" in text

    [folder] = re.findall(r"throw-away stack in (\S+):", text)
    assert not Path(folder).exists()
    words = [shutil.which("ps") or "ps", "-axwwo", "command="]
    running = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert [one for one in running.splitlines() if folder in one] == []


@pytest.mark.anyio
async def test_on_a_service_that_runs_only_what_may_be_done_there_is_done(
    serving: Serving, postgres_url: str
) -> None:
    served = await serving(
        Clock(at("2025-10-08T16:00:30Z"), 1.0), LOCAL_SWEEP_ENABLED="true", LOCAL_SWEEP_TICK_SEC="1"
    )
    await universe.put(served.parts.database, [AAPL])
    words = ["--url", served.url, "--database-url", postgres_url]
    for drill, expected in (([], "SKIP"), (["--drill"], "PASS")):
        code, verdicts, text = await asyncio.to_thread(checked, *words, *drill)
        assert verdicts["curl http://localhost:8001/health"] == "PASS", text
        assert verdicts["(value for value)"] == expected, text
        assert verdicts["(traffic routes to Yahoo/AlphaVantage)"] == "SKIP"
        assert verdicts['psql -U trading_user -d trading_db -c "'] == expected, text
        assert (code, "FAIL" in verdicts.values()) == (0, False), text
    members = await universe.load(served.parts.database)
    assert [one.symbol for one in members] == ["AAPL"], "somebody else's universe is left alone"


def test_a_service_that_does_not_answer_fails() -> None:
    line = tried(
        Step(guide="curl http://localhost:8001/ops/dlq/backfills", judge=answers(lambda *_: "")), nobody()
    )
    assert (line.verdict, "Failed to connect" in line.seen or "refused" in line.seen) == (Verdict.FAIL, True)


def nobody() -> Target:
    return Target(url="http://127.0.0.1:1", home=Path())


LAG = 'ingestion_lag_seconds{interval="1m"} 7.5\nothers{interval="1m"} 1\n'


@pytest.mark.parametrize(
    ("judge", "out"),
    [
        (says("^DELETE 11$"), "DELETE 10\n"),
        (tables("candles_daily"), " public | candles_intraday | table | trading_user\n"),
        (counted(lambda count, _: count == 11), " count \n-------\n    10\n(1 row)\n"),
        (answers(lambda body, _: str(body["bars"])), json.dumps({"status": 404, "detail": "no such symbol"})),
        (answers(lambda body, _: str(body["bars"])), json.dumps({"rows": []})),
        (answers(lambda *_: ""), "<html>"),
        (
            samples("ingestion_lag_seconds", lambda found, _: str(found)),
            "# TYPE ingestion_lag_seconds gauge\n",
        ),
    ],
)
def test_what_was_not_promised_is_broken(judge: Any, out: str) -> None:
    with pytest.raises(Broken):
        judge(Seen(0, out), nobody())


def test_what_complains_is_broken() -> None:
    with pytest.raises(Broken, match="exit code 3: syntax error"):
        says("DELETE")(Seen(3, "DELETE 11", "syntax error"), nobody())


def test_samples_are_read_with_their_labels() -> None:
    assert list(metric(LAG, "ingestion_lag_seconds")) == [({"interval": "1m"}, 7.5)]


def test_the_dead_letter_of_the_table_is_the_guides() -> None:
    assert any(f"/requeue/{operating.DEAD}" in step.guide for step in STEPS)


def test_the_script_says_how_it_is_used() -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "guide-check"), "--help"],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--database-url" in done.stdout


@pytest.mark.parametrize(
    ("words", "says_what"),
    [
        (["--day", "2025-12-25"], "New York was not open on 2025-12-25"),
        (["--day", "soon"], "'soon' is no day"),
        (["--database-url", "postgresql://nowhere/x"], "with --url"),
        (["--server", "postgresql://nowhere/x", "--url", "http://127.0.0.1:1"], "leave --url out"),
    ],
)
def test_options_that_make_no_sense_are_refused(words: list[str], says_what: str) -> None:
    code, _, text = checked(*words)
    assert code == 2
    assert says_what in text
