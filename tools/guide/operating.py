"""The guide's sections 10 to 14 and its last page, and calls beside it that operators make."""

import json
import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from guide import acts, shell
from guide.acts import SETTLE_SECONDS
from guide.drills import RELOAD, reloaded
from guide.errors import Broken
from guide.sees import Labels, answers, documents, done, rows, samples, short
from guide.stack import DATABASE, RESTORED, ROOT, USER, admin
from guide.step import Part, Seen, Step, Target, until

DEAD = 12345
"""The dead letter of the guide's example."""
BATCH = "kubectl set env deployment/market-data-service -n trading LIVE_BATCH_SIZE=1000"
HIGH_THROUGHPUT = """kubectl set env deployment/market-data-service -n trading \\
  LIVE_BATCH_SIZE=2000 \\
  BACKFILL_BATCH_SIZE=10000 \\
  BACKFILL_MAX_CONCURRENCY_T0=8"""
DUMP = "pg_dump -U trading_user trading_db | gzip > backup_$(date +%Y%m%d).sql.gz"
RESTORE = "gunzip < backup_20251008.sql.gz | psql -U trading_user trading_db"
_LETTER, _BACKUP, _STOP = "dead letter", "backup", "maintenance"
_TABLES = ("candles_intraday", "candles_daily", "symbol_universe", "universe_versions", "backfill_jobs")
_PAGES = ("IMPLEMENTATION.md", "QUICKSTART.md", "ENHANCEMENTS.md", "COMPLETE_SUMMARY.md")


def _letter(target: Target) -> str:
    """A backfill that was given up, with the guide's number."""
    target.own  # noqa: B018 - Unfit without a stack
    acts.query(
        target,
        "INSERT INTO backfill_jobs (id, symbol, interval, start_ts, end_ts, tier, status, attempts, last_error) "
        f"VALUES ({DEAD}, 'AAPL', '1m', '{target.day} 14:00', '{target.day} 14:11', 'T0', 'dead', 5, 'a drill')",
    )
    return f"a dead letter {DEAD} was put into backfill_jobs"


def _listed(body: Any, target: Target) -> str:
    ids = [one["id"] for one in body["backfills"]]
    if target.stack is not None and DEAD not in ids:
        raise Broken(f"{DEAD} is not among {ids}")
    return f"{len(ids)} dead letters{': ' if ids else ''}{', '.join(map(str, ids))}"


def _requeued(body: Any, _: Target) -> str:
    if body["ids"] != [DEAD]:
        raise Broken(short(json.dumps(body)))
    return f"put back: {DEAD}"


def _letter_done(target: Target) -> str:
    target.own  # noqa: B018 - Unfit without a stack

    def look() -> str:
        status = acts.query(target, f"SELECT status FROM backfill_jobs WHERE id = {DEAD}")
        if status != "done":
            raise Broken(f"{DEAD} is {status}")
        return f"{DEAD} is done"

    return until(look, SETTLE_SECONDS)


def _none_open(found: list[Any], _: Target) -> str:
    stuck = [one["provider"] for one in found]
    if stuck:
        raise Broken(f"OPEN: {', '.join(stuck)}")
    return "none is OPEN"


def _depths(found: list[tuple[Labels, float]], _: Target) -> str:
    depths = {labels["tier"]: value for labels, value in found}
    if set(depths) != {"T0", "T1", "T2"}:
        raise Broken(f"tiers {sorted(depths)}")
    return ", ".join(f"{tier} {depth:.0f}" for tier, depth in sorted(depths.items()))


def _latency(found: list[tuple[Labels, float]], _: Target) -> str:
    bounds = {float(labels["le"]) for labels, _ in found}
    if not {50.0, 250.0} <= bounds:
        raise Broken(f"no bounds at 50 and 250 ms: {sorted(bounds)}")
    within, count = (
        next(v for labels, v in found if float(labels["le"]) == le) for le in (50.0, float("inf"))
    )
    return f"{within:.0f} of {count:.0f} batches within 50 ms"


def _sweeps(target: Target) -> str:
    """Jobs are made again and again."""
    before = acts.sampled(target, "jobs_processed_total")

    def look() -> str:
        now = acts.sampled(target, "jobs_processed_total")
        if now <= before:
            raise Broken(f"jobs_processed_total stays at {now:.0f}")
        return f"jobs_processed_total: {before:.0f}, then {now:.0f}"

    return until(look, SETTLE_SECONDS if target.stack else 70)


def _counts(target: Target, database: str) -> dict[str, str]:
    over = Target(libpq={**target.libpq, "PGDATABASE": database})
    return {name: acts.query(over, f"SELECT count(*) FROM {name}") for name in _TABLES}


def _dumped(seen: Seen, target: Target) -> str:
    # of TimescaleDB's own tables pg_dump warns that they refer to each other
    told = [one for one in seen.err.splitlines() if not re.match(r"pg_dump: (warning|detail|hint): ", one)]
    done(Seen(seen.code, seen.out, "\n".join(told)), target)
    [path] = target.home.glob("backup_*.sql.gz")
    size = path.stat().st_size
    if size < 1000:
        raise Broken(f"{path.name} has {size} bytes")
    return f"{path.name}, {size / 1000:.0f} KB"


def _restore(target: Target) -> str:
    """The guide's restore, but into an empty database; of TimescaleDB's tables the superuser is the owner."""
    stack, scaled = target.own, _has_timescale(target)
    command = RESTORE.replace("20251008", "*").replace("trading_db", f"-q {RESTORED}")
    admin(stack.postgres, f"CREATE DATABASE {RESTORED} OWNER {USER}")
    if scaled:
        command = command.replace(USER, "postgres")
        _as_superuser(target, "CREATE EXTENSION timescaledb", "SELECT timescaledb_pre_restore()")
    seen = shell.run(command, target)
    if scaled:
        _as_superuser(target, "SELECT timescaledb_post_restore()")
    if seen.code or seen.err.strip():
        raise Broken(short(seen.err or seen.out))
    kept, there = _counts(target, DATABASE), _counts(target, RESTORED)
    if any(not 0 < int(there[name]) <= int(kept[name]) for name in _TABLES):
        raise Broken(f"{there}, where {kept} are")
    return f"{command} into an empty database: " + ", ".join(
        f"{name} {count}" for name, count in there.items()
    )


def _has_timescale(target: Target) -> bool:
    return acts.query(target, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == "1"


def _as_superuser(target: Target, *statements: str) -> None:
    admin(urlunsplit(urlsplit(target.own.postgres)._replace(path=f"/{RESTORED}")), *statements)


def _pages(_: Target) -> str:
    missing = [one for one in _PAGES if not (ROOT / one).exists()]
    if missing:
        raise Broken(f"not there: {', '.join(missing)}")
    return f"{len(_PAGES)} pages are there"


def _changes(body: Any, _: Target) -> str:
    if body["swapped"] or [one["setting"] for one in body["changes"]] != ["CADENCE_T1"]:
        raise Broken(short(json.dumps(body)))
    return (
        f"would change {body['changes'][0]['setting']} to {body['changes'][0]['after']}; nothing was swapped"
    )


def _coverage(body: Any, _: Target) -> str:
    spent = {state: seconds for state, seconds in body["seconds"].items() if seconds}
    return ", ".join(f"{state} {seconds / 60:.0f} min" for state, seconds in sorted(spent.items()))


PARTS = (
    Part(
        "10. Monitoring & Alerting",
        (
            Step(
                promise="metrics of the key SLOs",
                instead=acts.named(
                    "slo_gap_violation_rate", "ws_publish_latency_ms", "backfill_oldest_age_seconds"
                ),
            ),
            Step(
                promise="alerts of each severity, that fire and stay quiet",
                skip="promtool fires each in tests/deploy/test_alerts.py; one arrives at a real Alertmanager in tests/deploy/test_watching.py",
            ),
        ),
    ),
    Part(
        "11. Troubleshooting",
        (
            Step(
                guide='kubectl logs -n trading -l app=market-data-service --tail=100 | grep "Data collector"',
                promise="Check collector status",
                instead=acts.logged("Data collector"),
            ),
            Step(promise="local sweeper should emit jobs every 30s", instead=_sweeps),
            Step(
                guide="curl http://localhost:8001/metrics | grep backfill_queue_depth",
                promise="Check queue depth per tier",
                judge=samples("backfill_queue_depth", _depths),
            ),
            Step(promise="a failed backfill", instead=_letter, drill=_LETTER),
            Step(
                guide="curl http://localhost:8001/ops/dlq/backfills",
                promise="List failed backfills",
                judge=answers(_listed),
            ),
            Step(
                guide=f"curl -X POST http://localhost:8001/ops/dlq/backfills/requeue/{DEAD}",
                promise="Requeue failed job",
                judge=answers(_requeued),
                drill=_LETTER,
            ),
            Step(promise="the requeued job is done", instead=_letter_done, drill=_LETTER),
            Step(
                guide="""curl http://localhost:8001/stats/providers | jq '.providers[] | select(.state=="OPEN")'""",
                promise="Check provider health",
                judge=documents(_none_open),
            ),
            Step(guide=RELOAD, promise="Reload config (may help if transient)", judge=answers(reloaded)),
            Step(
                guide="kubectl edit secret market-data-secrets -n trading",
                promise="If API key issue, update secret and reload",
                skip="needs a cluster; Test 1 changes the key as a mounted Secret does",
            ),
            Step(guide=RELOAD, promise="update secret and reload", judge=answers(reloaded)),
            Step(
                guide="curl http://localhost:8001/metrics | grep write_batch_ms_bucket",
                promise="Check write latency",
                judge=samples("write_batch_ms_bucket", _latency),
            ),
            Step(
                guide='psql -c "SELECT * FROM timescaledb_information.chunks ORDER BY total_bytes DESC LIMIT 10;"',
                promise="check compression settings",
                stand_in="psql -c \"SELECT * FROM chunks_detailed_size('candles_intraday') ORDER BY total_bytes DESC LIMIT 10;\"",
                why="TimescaleDB's view of the chunks has no total_bytes: chunks_detailed_size tells it",
                judge=rows(1),
                unless=acts.with_timescale,
            ),
            Step(guide=BATCH, promise="Consider increasing batch size", instead=acts.in_force(BATCH)),
        ),
    ),
    Part(
        "12. Scaling Considerations",
        (
            Step(
                guide="kubectl scale deployment market-data-service -n trading --replicas=3",
                promise="Scale to 3 replicas",
                instead=acts.scaled(3),
            ),
            Step(
                guide=HIGH_THROUGHPUT,
                promise="High-throughput configuration",
                instead=acts.in_force(HIGH_THROUGHPUT),
            ),
        ),
    ),
    Part(
        "13. Backup & Recovery",
        (
            Step(guide=DUMP, promise="Daily backup", judge=_dumped, drill=_BACKUP, unless=acts.dumpable),
            Step(guide=RESTORE, promise="Restore", instead=_restore, drill=_BACKUP),
            Step(
                guide="kubectl get configmap market-data-config -n trading -o yaml > config-backup.yaml",
                promise="Export current config",
                skip="needs a cluster",
            ),
            Step(
                guide="kubectl get secret market-data-secrets -n trading -o yaml > secrets-backup.yaml",
                promise="Export current config",
                skip="needs a cluster",
            ),
        ),
    ),
    Part(
        "14. Maintenance Windows",
        (
            Step(
                guide="kubectl scale deployment market-data-service -n trading --replicas=0",
                promise="Graceful shutdown",
                instead=acts.stopped,
                drill=_STOP,
            ),
            Step(
                guide="kubectl scale deployment market-data-service -n trading --replicas=3",
                promise="Restart",
                instead=acts.scaled(3),
                drill=_STOP,
            ),
            Step(promise="nothing is lost", instead=acts.nothing_lost, drill=_STOP),
        ),
    ),
    Part("Support & Documentation", (Step(promise="the pages that it links to", instead=_pages),)),
    Part(
        "Beside the guide: docs/DEPLOYMENT.md",
        (
            Step(
                guide="curl http://localhost:8001/stats/waiting",
                promise="what nobody could serve",
                judge=answers(lambda body, _: f"{len(body)} series"),
            ),
            Step(
                guide="""curl -X POST http://localhost:8001/ops/validate -H "Content-Type: application/json" -d '{"CADENCE_T1": "bars_1m=600"}'""",
                promise="what a candidate would change, and nothing is changed",
                judge=answers(_changes),
            ),
            Step(
                guide="curl http://localhost:8001/stats/config",
                promise="which source won each setting",
                judge=answers(lambda body, _: f"{len(body['sources'])} settings"),
            ),
            Step(
                guide="curl http://localhost:8001/ops/dlq/stats",
                promise="how many dead letters",
                judge=answers(lambda body, _: f"{body['total']}"),
            ),
            Step(
                guide="curl http://localhost:8001/ops/cursor/AAPL/1m/finnhub",
                promise="how far a series was asked for",
                judge=answers(lambda body, _: f"through {body['through']}"),
                unless=lambda target: str(target.own.folder),
            ),
            Step(
                guide='curl "http://localhost:8001/stats/coverage/AAPL?start=2025-10-08T14:00:00Z&end=2025-10-08T15:00:00Z"',
                promise="a reason for every minute",
                judge=answers(_coverage),
            ),
            Step(
                guide='curl "http://localhost:8001/stocks/AAPL/intraday?interval=5m&limit=3"',
                promise="bars of a window",
                judge=answers(lambda body, _: f"{len(body['bars'])} bars"),
            ),
            Step(
                guide="curl http://localhost:8001/providers/finnhub/health-history",
                promise="the last 60 scores",
                judge=answers(lambda body, _: f"{len(body)} scores"),
            ),
        ),
    ),
)
