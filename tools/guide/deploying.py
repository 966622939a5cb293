"""The guide's sections 1 to 7: from an empty database to dashboards."""

import json
import shutil
import subprocess

from guide import acts
from guide.acts import there
from guide.errors import Broken
from guide.sees import (
    done,
    rows,
    says,
    short,
    tables,
)
from guide.stack import ROOT
from guide.step import Act, Part, Seen, Step, Target
from guide.verifying import VERIFYING, WATCHING

CORE = "db/migrations/20251008_market_data_core.sql"
TIMESCALE = "db/migrations/20251008_timescale_market_data.sql"
CONFIGMAP = """kubectl create configmap market-data-config -n trading \\
  --from-literal=DATABASE_URL='postgresql://trading_user:trading_pass@postgres:5432/trading_db' \\
  --from-literal=RLC_REDIS_URL='redis://redis-cluster:6379/0' \\
  --from-literal=USE_RLC='false' \\
  --from-literal=LOCAL_SWEEP_ENABLED='true'"""
SECRET = """kubectl create secret generic market-data-secrets -n trading \\
  --from-literal=FINNHUB_API_KEY='your_finnhub_key' \\
  --from-literal=ALPHA_VANTAGE_API_KEY='your_alphavantage_key'"""
UNIVERSE = """INSERT INTO symbol_universe (symbol, exchange, asset_type, adv_21d, mkt_cap, tier, active) VALUES
  ('AAPL', 'NASDAQ', 'equity', 50000000, 3000000000000, 'T0', true),
  ('GOOGL', 'NASDAQ', 'equity', 25000000, 1800000000000, 'T0', true),
  ('MSFT', 'NASDAQ', 'equity', 30000000, 2800000000000, 'T0', true),
  ('AMZN', 'NASDAQ', 'equity', 40000000, 1500000000000, 'T0', true),
  ('TSLA', 'NASDAQ', 'equity', 100000000, 800000000000, 'T0', true),
  ('SPY', 'NYSE', 'etf', 80000000, 500000000000, 'T0', true),
  ('QQQ', 'NASDAQ', 'etf', 50000000, 200000000000, 'T0', true)
ON CONFLICT (symbol) DO UPDATE SET
  adv_21d = EXCLUDED.adv_21d,
  mkt_cap = EXCLUDED.mkt_cap,
  tier = EXCLUDED.tier;"""
VERSION = """INSERT INTO universe_versions (version_tag, source_meta)
VALUES ('2025w41-manual-top100', '{"source": "manual", "count": 100}'::jsonb);"""

_MANIFESTS = "tests/deploy/test_kubernetes.py"
_MONITORING = "tests/deploy/test_monitoring.py"


def _own(target: Target) -> str:
    """Unfit where the data are somebody else's."""
    return str(target.own.folder)


def _extension(seen: Seen, _: Target) -> str:
    if seen.code or "CREATE EXTENSION" not in seen.out:
        raise Broken(f"exit code {seen.code}: {short(seen.err)}")
    return short(seen.out + seen.err)  # it may be there already: that is no more than a notice


def _prometheus(target: Target) -> str:
    """A prometheus.yml where the guide's command looks for one: the one that compose uses."""
    folder = target.home / "path" / "to"
    folder.mkdir(parents=True)
    for name in ("prometheus.yml", "rules.yaml"):
        shutil.copy(ROOT / "deploy" / "monitoring" / name, folder)
    return str(folder)


def _merged(seen: Seen, target: Target) -> str:
    """promtool reads the merged file."""
    done(seen, target)
    if shutil.which("promtool") is None:
        return "appended; no promtool to read it"
    words = ["promtool", "check", "config", str(target.home / "path" / "to" / "prometheus.yml")]
    read = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if read.returncode:
        raise Broken(short(read.stdout + read.stderr))
    return f"promtool: {short(read.stdout)}"


def _again(target: Target) -> str:
    """The migration once more."""
    return "applied again: " + short(acts.query(target, f"\\i {ROOT / CORE}").splitlines()[-1])


def _panels(uid: str, *titles: str) -> Act:
    """The dashboard's file has these panels."""

    def look(_: Target) -> str:
        path = ROOT / "deploy" / "grafana" / "dashboards" / f"{uid}.json"
        board = json.loads(path.read_text(encoding="utf-8"))
        have = {panel["title"] for panel in board["panels"]}
        if missing := sorted(set(titles) - have):
            raise Broken(f"{path.name} has no panel {', '.join(missing)}")
        return f"{path.relative_to(ROOT)}: {len(have)} panels, among them these; {WATCHING} asks each query"

    return look


def _asked(expr: str, *metrics: str) -> Step:
    return Step(guide=expr, promise="a query with data", instead=acts.named(*metrics))


PARTS = (
    Part(
        "1. Database Setup",
        (
            Step(promise="PostgreSQL, a role and a database", instead=acts.roles),
            Step(
                guide=f"psql -U trading_user -d trading_db -f {CORE}",
                promise="Run the standard migration",
                judge=says("^COMMIT$"),
                unless=_own,
            ),
            Step(promise="safe to run twice", instead=_again, unless=_own),
            Step(
                guide='psql -U postgres -c "CREATE EXTENSION IF NOT EXISTS timescaledb;"',
                promise="Ensure TimescaleDB is installed",
                judge=_extension,
                unless=lambda target: _own(target) and acts.with_timescale(target),
            ),
            Step(
                guide=f"psql -U trading_user -d trading_db -f {TIMESCALE}",
                promise="Run the TimescaleDB-optimized migration",
                judge=says("^COMMIT$"),
                unless=lambda target: _own(target) and acts.with_file(TIMESCALE, acts.with_timescale)(target),
            ),
            *(
                Step(
                    guide=f"SELECT * FROM timescaledb_information.{view};",
                    promise=promise,
                    sql=True,
                    judge=rows(least),
                    unless=acts.with_timescale,
                )
                for view, promise, least in (
                    ("hypertables", "Check hypertables", 1),
                    ("compression_settings", "Check compression", 1),
                    ("continuous_aggregates", "Check continuous aggregates", 2),
                )
            ),
            Step(
                guide=r"\dt",
                promise="Verify tables",
                sql=True,
                judge=tables(
                    "candles_intraday",
                    "candles_daily",
                    "quotes_l1",
                    "symbol_universe",
                    "universe_versions",
                    "ingestion_cursor",
                    "backfill_jobs",
                ),
            ),
        ),
    ),
    Part(
        "2. Deploy Blackbox Exporter",
        (
            Step(
                guide="helm repo add prometheus-community https://prometheus-community.github.io/helm-charts",
                skip="needs a cluster",
            ),
            Step(guide="helm repo update", skip="needs a cluster"),
            Step(
                guide="""helm install blackbox-exporter prometheus-community/prometheus-blackbox-exporter \\
  -f deploy/blackbox-exporter/values.yaml \\
  -n monitoring \\
  --create-namespace""",
                promise="Install Blackbox Exporter",
                unless=there("deploy/blackbox-exporter/values.yaml", tried=WATCHING),
            ),
            Step(
                guide="kubectl get pods -n monitoring -l app.kubernetes.io/name=prometheus-blackbox-exporter",
                promise="Verify deployment",
                skip="needs a cluster",
            ),
        ),
    ),
    Part(
        "3. Configure Prometheus",
        (
            Step(
                guide="kubectl apply -f deploy/monitoring/servicemonitor-market-data.yaml",
                promise="Apply ServiceMonitors",
                unless=there("deploy/monitoring/servicemonitor-market-data.yaml", tried=_MONITORING),
            ),
            Step(
                guide="kubectl apply -f deploy/monitoring/servicemonitor-blackbox.yaml",
                promise="Apply ServiceMonitors",
                unless=there("deploy/monitoring/servicemonitor-blackbox.yaml", tried=_MONITORING),
            ),
            Step(
                guide="kubectl apply -f deploy/monitoring/alerts-slo.yaml",
                promise="Apply alert rules",
                unless=there("deploy/monitoring/alerts-slo.yaml", tried="tests/deploy/test_alerts.py"),
            ),
            Step(
                guide="kubectl get servicemonitors -n monitoring",
                promise="Verify ServiceMonitors",
                skip="needs a cluster",
            ),
            Step(
                guide="cat deploy/monitoring/prometheus-config.yaml >> /path/to/prometheus.yml",
                promise="Merge the scrape configs into your prometheus.yml",
                unless=_prometheus,
                judge=_merged,
            ),
            Step(
                guide="kubectl rollout restart deployment prometheus -n monitoring",
                promise="Reload Prometheus",
                skip="needs a cluster",
            ),
        ),
    ),
    Part(
        "4. Deploy Market Data Service",
        (
            Step(guide=CONFIGMAP, promise="Create ConfigMap", instead=acts.configured(CONFIGMAP)),
            Step(guide=SECRET, promise="Create Secrets", instead=acts.configured(SECRET)),
            Step(
                guide="docker-compose up -d",
                promise="Using Docker Compose (Development)",
                skip="it would start containers on fixed ports; docker-compose.yml is tried by tests/deploy/test_compose.py",
            ),
            Step(
                guide="kubectl apply -f deploy/k8s/deployment.yaml",
                promise="Using Kubernetes (Production)",
                instead=acts.deployed,
            ),
            Step(
                guide="kubectl apply -f deploy/k8s/service.yaml",
                promise="Using Kubernetes (Production)",
                unless=there("deploy/k8s/deployment.yaml", "deploy/k8s/service.yaml", tried=_MANIFESTS),
            ),
        ),
    ),
    Part(
        "5. Populate Symbol Universe",
        (
            Step(
                guide=UNIVERSE,
                promise="Load top US stocks",
                sql=True,
                judge=says("^INSERT 0 7$"),
                unless=_own,
            ),
            Step(
                guide=VERSION,
                promise="Record universe version",
                sql=True,
                judge=says("^INSERT 0 1$"),
                unless=_own,
            ),
        ),
    ),
    VERIFYING,
    Part(
        "7. Configure Grafana Dashboards",
        (
            Step(
                promise="Provider Health Dashboard",
                instead=_panels(
                    "market-data-providers",
                    "Circuit breaker states",
                    "Error rates by provider",
                    "Latency p95/p99",
                    "Health score history",
                ),
            ),
            Step(
                promise="Ingestion Quality Dashboard",
                instead=_panels(
                    "market-data-ingestion",
                    "Gap violation rate",
                    "Ingestion lag",
                    "Jobs processed rate",
                    "Backfill queue depth",
                ),
            ),
            Step(
                promise="Performance Dashboard",
                instead=_panels(
                    "market-data-performance",
                    "DB write latency",
                    "Throughput (bars/sec)",
                    "Memory usage",
                    "CPU usage",
                ),
            ),
            Step(
                promise="WebSocket Dashboard",
                instead=_panels(
                    "market-data-websocket",
                    "Active clients",
                    "Publish latency",
                    "Dropped messages",
                    "Replay buffer usage",
                ),
            ),
            _asked("provider_selected_total", "provider_selected_total"),
            _asked('rate(gaps_found_total{interval="1m"}[5m])', "gaps_found_total"),
            _asked('ingestion_lag_seconds{interval="1m"}', "ingestion_lag_seconds"),
            _asked("backfill_queue_depth", "backfill_queue_depth"),
            _asked(
                "histogram_quantile(0.99, sum by (le) (rate(ws_publish_latency_ms_bucket[5m])))",
                "ws_publish_latency_ms",
            ),
            _asked(
                "histogram_quantile(0.95, sum by (le) (rate(write_batch_ms_bucket[5m])))", "write_batch_ms"
            ),
        ),
    ),
)
