"""Writes the files of deploy/ that are made from the tables in tools/watch: rules, probes and dashboards.

`--runbooks URL` and `--grafana URL` write the addresses at which yours are read into alerts and dashboards.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from watch import grafana, rules
from watch.dashboards import BOARDS
from watch.links import Links

DEPLOY = Path(__file__).parents[1] / "deploy"
_MADE = "# Made by tools/make_deploy.py from {source}: change that, and run `make docs`.\n"


class _Dumper(yaml.SafeDumper):
    """Indents lists, and writes nothing as a reference to something before."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, _: object) -> bool:
        return True


def files(links: Links) -> Mapping[str, str]:
    """The text of each file by its path in deploy/."""
    probes = yaml.safe_load((DEPLOY / "blackbox-exporter" / "values.yaml").read_text(encoding="utf-8"))
    return {
        "monitoring/alerts-slo.yaml": _yaml("tools/watch/alerts.py", rules.resource(links)),
        "monitoring/rules.yaml": _yaml("tools/watch/alerts.py", rules.groups(links)),
        "blackbox-exporter/blackbox.yml": _yaml("values.yaml", probes["config"]),
        **{f"grafana/dashboards/{one.uid}.json": grafana.text(one, links) for one in BOARDS},
    }


def _yaml(source: str, value: Any) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return _MADE.format(source=source) + text


def main() -> int:
    """Write the files."""
    usual, parser = Links(), argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runbooks", default=usual.runbooks, help="where docs/runbooks is read")
    parser.add_argument("--grafana", default=usual.grafana, help="where Grafana is")
    given = parser.parse_args()
    for name, text in files(Links(given.runbooks.rstrip("/"), given.grafana.rstrip("/"))).items():
        path = DEPLOY / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
