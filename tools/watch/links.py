"""Where runbooks and dashboards are read; `tools/make_deploy.py --runbooks … --grafana …` makes it yours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses under which the folder docs/runbooks and Grafana are found."""

    runbooks: str = "https://git.example.com/market-data-service/blob/main/docs/runbooks"
    grafana: str = "http://localhost:3000"

    def runbook(self, alert: str) -> str:
        """The page of an alert."""
        return f"{self.runbooks}/{alert}.md"

    def dashboard(self, uid: str) -> str:
        """A dashboard."""
        return f"{self.grafana}/d/{uid}"
