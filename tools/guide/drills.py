"""The guide's section 8: the drills."""

import json
import re
import shutil
import sys
import time
from typing import Any

from guide import acts
from guide.acts import SETTLE_SECONDS
from guide.errors import Broken, Unfit
from guide.sees import Labels, answers, counted, messages, samples, says, short
from guide.stack import ROOT
from guide.step import Part, Seen, Step, Target, until

WINDOW_BARS = 11
"""The guide's ten minutes, both ends included."""
REPLAYED = 120
"""Bars that a client is told when it connects."""
LISTEN_SECONDS = 40.0
"""How long is listened to the stream at most."""
INVALID = "kubectl set env deployment/market-data-service -n trading FINNHUB_API_KEY=invalid"
VALID = "kubectl set env deployment/market-data-service -n trading FINNHUB_API_KEY=<valid_key>"
RELOAD = "curl -X POST http://localhost:8001/ops/reload"
WSCAT = "wscat -c ws://localhost:8001/ws/AAPL"
_FAILOVER, _GAP, _STREAM = "failover", "gap", "stream"


def reloaded(body: Any, _: Target) -> str:
    """The answer of a reload."""
    if not body["swapped"]:
        raise Broken(short(json.dumps(body)))
    changed = ", ".join(one["setting"] for one in body["changes"]) or "nothing"
    return f"swapped, policy version {body['policy_version']}, changed: {changed}"


def _key_is_ours(target: Target) -> str:
    """What Finnhub was asked before; Unfit where the key is somebody else's."""
    target.own  # noqa: B018 - Unfit without a stack

    def look() -> str:
        asked = acts.sampled(target, "provider_selected_total", provider="finnhub")
        if not asked:
            raise Broken("Finnhub has not been asked for anything")
        return f"Finnhub was asked {asked:.0f} times; its key is this stack's"

    return until(look, SETTLE_SECONDS)


def _finnhub_is_out(body: Any, _: Target) -> str:
    one = next(one for one in body["providers"] if one["provider"] == "finnhub")
    if one["state"] != "OPEN" or one["health_score"] >= 0.55:
        raise Broken(f"finnhub is {one['state']} with {one['health_score']}")
    return f"finnhub is {one['state']}, its health_score {one['health_score']:.2f}"


def _traffic_moved(target: Target) -> str:
    """Others are asked, and Finnhub is not."""
    target.own  # noqa: B018 - Unfit without a stack
    others = ("yahoo", "alphavantage")
    asked = {
        name: acts.sampled(target, "jobs_processed_total", provider=name) for name in ("finnhub", *others)
    }

    def look() -> str:
        now = {name: acts.sampled(target, "jobs_processed_total", provider=name) for name in asked}
        told = ", ".join(f"{name} {asked[name]:.0f} to {now[name]:.0f}" for name in asked)
        if now["finnhub"] != asked["finnhub"]:
            asked.update(now)
            raise Broken(f"finnhub still serves: {told}")
        if sum(now[name] - asked[name] for name in others) < 3:
            raise Broken(f"nobody serves: {told}")
        return f"jobs served: {told}; the price is from {json.loads(acts.get(target, '/stocks/AAPL/price'))['provider']}"

    return until(look, SETTLE_SECONDS)


def _finnhub_is_back(target: Target) -> str:
    """It serves quotes again, which are asked for all the time; minutes close their own breaker a minute at a time."""
    target.own  # noqa: B018 - Unfit without a stack
    served = acts.sampled(target, "jobs_processed_total", provider="finnhub")

    def look() -> str:
        found = json.loads(acts.get(target, "/stats/providers"))["providers"]
        finnhub = next(one for one in found if one["provider"] == "finnhub")
        quotes = next(one for one in finnhub["capabilities"] if one["capability"] == "quotes_l1")
        now = acts.sampled(target, "jobs_processed_total", provider="finnhub")
        told = f"for quotes it is {quotes['state']} with {quotes['health_score']:.2f}; jobs served: {served:.0f} to {now:.0f}"
        if quotes["state"] != "CLOSED" or quotes["health_score"] <= 0.7 or now <= served:
            raise Broken(told)
        return told

    return until(look, SETTLE_SECONDS)


def _window(target: Target) -> str:
    return (
        "FROM candles_intraday WHERE symbol = 'AAPL' AND interval = '1m' "
        f"AND ts BETWEEN '{target.day} 14:00:00' AND '{target.day} 14:10:00'"
    )


def _digest(target: Target) -> tuple[str, str]:
    """How many bars the window has, and a digest of their values."""
    count, _, digest = acts.query(
        target,
        "SELECT count(*), md5(coalesce(string_agg(concat_ws(' ', ts, open, high, low, close, volume, status), ';' "
        f"ORDER BY ts), '')) {_window(target)}",
    ).partition("|")
    return count, digest


def _full(target: Target) -> str:
    """What the window holds before; Unfit where it is not full, or nothing may be deleted."""
    if not target.drill:
        raise Unfit("it deletes bars, to have them restored: allow it with --drill")

    def look() -> str:
        count, target.notes["window"] = _digest(target)
        if int(count) != WINDOW_BARS:
            raise Broken(f"AAPL has {count} bars in the window of {target.day}: name another day with --day")
        return f"AAPL has all {count} bars of {target.day} 14:00 to 14:10"

    try:
        told = until(look, SETTLE_SECONDS if target.stack else 0)
    except Broken as broken:
        if target.stack is not None:
            raise
        raise Unfit(str(broken)) from None
    target.notes["gaps"] = str(acts.sampled(target, "gaps_found_total", interval="1m"))
    return told


def _accepted(body: Any, _: Target) -> str:
    jobs = [f"{one['start_ts']} to {one['end_ts']} ({one['tier']})" for one in body["jobs"]]
    return (
        f"{body['made']} made: {', '.join(jobs)}"
        if jobs
        else "nothing to make: a scan has found the gap first"
    )


def _drained(seen: Seen, _: Target) -> str:
    found = re.findall(r'backfill_queue_depth\{tier="(T\d)"\} (\S+)', seen.out)
    if ("T0", "0.0") not in found:
        raise Broken(f"not empty: {found or short(seen.out)}")
    return "watched until it was empty: " + ", ".join(f"{tier} {depth}" for tier, depth in found[-3:])


def _gaps_moved(found: list[tuple[Labels, float]], target: Target) -> str:
    before = float(target.notes["gaps"])
    now = sum(value for labels, value in found if labels["interval"] == "1m")
    if now <= before:
        raise Broken(f"1m: {now:.0f}, as before")
    return f"1m: {before:.0f} before, {now:.0f} now"


def _same_values(target: Target) -> str:
    if _digest(target)[1] != target.notes["window"]:
        raise Broken("the values of the window are not those before")
    return "open, high, low, close, volume and status of each bar as before"


def _streamed(seen: Seen, target: Target) -> str:
    return _told(messages(seen.out), target)


def _told(found: list[Any], target: Target) -> str:
    kinds = [one["type"] for one in found]
    if "snapshot" not in kinds or "replay" not in kinds:
        raise Broken(f"no snapshot and replay, but {kinds or 'nothing'}")
    bars = next(one for one in found if one["type"] == "replay")["bars"]
    if len(bars) != REPLAYED:
        raise Broken(f"a replay of {len(bars)} bars")
    news = [one for one in kinds if one in {"bar", "quote"}]
    if "bar" not in news and target.stack is not None:
        raise Broken(f"a snapshot and {len(bars)} bars, then no bar but {news or 'nothing'}")
    told = (
        ", ".join(f"{news.count(kind)} of type {kind}" for kind in sorted(set(news)))
        or "no update while listened"
    )
    return f"a snapshot, a replay of {len(bars)} bars, then {told}"


def _one_bar_anew(target: Target) -> str:
    """Makes a bar of AAPL to be written: the window's first is deleted and fetched again."""
    target.own  # noqa: B018 - Unfit without a stack
    time.sleep(1.0)  # the client is to be there first
    moment = f"{target.day} 14:00:00"
    acts.query(target, f"DELETE FROM candles_intraday WHERE symbol = 'AAPL' AND ts = '{moment}'")
    body = {
        "symbol": "AAPL",
        "interval": "1m",
        "start": f"{target.day}T14:00:00Z",
        "end": f"{target.day}T14:00:00Z",
    }
    acts.post(target, "/ops/backfill", body)
    return "meanwhile a bar was deleted and fetched again"


def _violations(found: list[tuple[Labels, float]], _: Target) -> str:
    [value] = [value for labels, value in found if labels == {"tier": "T0", "interval": "1m"}]
    if value >= 0.005:
        raise Broken(f"T0, 1m: {value:g}")
    return f"T0, 1m: {value:g}"


def _listening(guide: str, promise: str) -> Step:
    """The guide's wscat where there is one, else the `websockets` library."""
    follow = f"{sys.executable} {ROOT / 'tools' / 'guide' / 'follow.py'} ws://localhost:8001/ws/AAPL"
    there = shutil.which("wscat") is not None
    return Step(
        guide=guide,
        promise=promise,
        stand_in=WSCAT if there else follow,
        why="" if there else "no wscat: the `websockets` library listens",
        judge=_streamed,
        terminal=True,
        within=LISTEN_SECONDS,
        meanwhile=_one_bar_anew,
        drill=_STREAM,
    )


PARTS = (
    Part(
        "8. Test 1: Provider Failover",
        (
            Step(promise="traffic at Finnhub", instead=_key_is_ours, drill=_FAILOVER),
            Step(
                guide=INVALID,
                promise="Set invalid Finnhub key",
                instead=acts.configured(INVALID),
                drill=_FAILOVER,
            ),
            Step(guide=RELOAD, promise="Reload config", judge=answers(reloaded)),
            Step(
                guide="curl http://localhost:8001/stats/providers",
                promise="Expected: Finnhub health_score drops",
                judge=answers(_finnhub_is_out),
                within=SETTLE_SECONDS,
                drill=_FAILOVER,
            ),
            Step(promise="traffic routes to Yahoo/AlphaVantage", instead=_traffic_moved, drill=_FAILOVER),
            Step(guide=VALID, promise="Restore", instead=acts.configured(VALID), drill=_FAILOVER),
            Step(guide=RELOAD, promise="Restore", judge=answers(reloaded)),
            Step(promise="traffic at Finnhub again", instead=_finnhub_is_back, drill=_FAILOVER),
        ),
    ),
    Part(
        "8. Test 2: Gap Detection & Backfill",
        (
            Step(promise="a window that is full", instead=_full, drill=_GAP),
            Step(
                guide="""psql -U trading_user -d trading_db -c "
DELETE FROM candles_intraday
WHERE symbol = 'AAPL'
  AND interval = '1m'
  AND ts BETWEEN '2025-10-08 14:00:00' AND '2025-10-08 14:10:00';
\"""",
                promise="Delete a time window",
                judge=says(f"^DELETE {WINDOW_BARS}$"),
                drill=_GAP,
            ),
            Step(
                guide="""curl -X POST http://localhost:8001/ops/backfill \\
  -H "Content-Type: application/json" \\
  -d '{
    "symbol": "AAPL",
    "interval": "1m",
    "start": "2025-10-08T14:00:00Z",
    "end": "2025-10-08T14:10:00Z",
    "priority": "T0"
  }'""",
                promise="Trigger manual backfill",
                judge=answers(_accepted),
                drill=_GAP,
            ),
            Step(
                guide='watch -n 1 "curl -s http://localhost:8001/metrics | grep backfill_queue_depth"',
                promise="Watch backfill queue",
                judge=_drained,
                terminal=True,
                within=SETTLE_SECONDS,
            ),
            Step(
                guide="curl http://localhost:8001/metrics | grep gaps_found_total",
                promise="Check gaps metric",
                judge=samples("gaps_found_total", _gaps_moved),
                within=SETTLE_SECONDS,
                drill=_GAP,
            ),
            Step(
                guide="""psql -U trading_user -d trading_db -c "
SELECT COUNT(*) FROM candles_intraday
WHERE symbol = 'AAPL'
  AND interval = '1m'
  AND ts BETWEEN '2025-10-08 14:00:00' AND '2025-10-08 14:10:00';
\"""",
                promise="Verify data restored",
                judge=counted(lambda count, _: count == WINDOW_BARS),
                within=SETTLE_SECONDS,
                drill=_GAP,
            ),
            Step(promise="value for value", instead=_same_values, drill=_GAP),
        ),
    ),
    Part(
        "8. Test 3: WebSocket Streaming",
        (
            Step(
                guide="npm install -g wscat",
                promise="Install wscat",
                skip="it would change this machine; "
                + (
                    "wscat is there already"
                    if shutil.which("wscat")
                    else "without wscat the `websockets` library is used"
                ),
            ),
            _listening(WSCAT, "Expected: Receive initial snapshot + real-time updates"),
            _listening("", "Disconnect and reconnect: Receive replay buffer (last 120 bars)"),
        ),
    ),
    Part(
        "8. Test 4: SLO Monitoring",
        (
            Step(
                guide="curl http://localhost:8001/metrics | grep slo_gap_violation_rate",
                promise='Expected for healthy system: slo_gap_violation_rate{tier="T0",interval="1m"} < 0.005',
                judge=samples("slo_gap_violation_rate", _violations),
                within=SETTLE_SECONDS,
            ),
        ),
    ),
)
