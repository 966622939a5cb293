"""What it costs to be true: calls to providers on market days, on this build and on an older one.

    python benchmarks/truth_cost.py [--old FOLDER] [SCENARIO …]

FOLDER is a worktree of the older build, as `git worktree add FOLDER e5b02da` makes one. The scenarios are
those of tests/lab/costs.py: whole days, minute by minute, through the service and the simulator. Columns:
calls during the session, in its evening, and in the following six sessions about that day alone.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLUMNS = ("session", "evening", "later")


def counted(source: Path, scenarios: list[str]) -> dict[str, dict[str, int]]:
    """By scenario the calls of the build whose packages are in `source`."""
    environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-m", "lab.costs", *scenarios],
        env=environment,
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = map(json.loads, done.stdout.splitlines())
    return {line["scenario"]: line for line in lines}


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--old", type=Path)
    asked = parser.parse_args()
    builds = {"this build": ROOT / "src"}
    if asked.old is not None:
        builds[asked.old.name] = asked.old.resolve() / "src"
    print(f"{'':24}{'scenario':14}" + "".join(f"{column:>10}" for column in COLUMNS))
    for build, source in builds.items():
        for name, calls in counted(source, asked.scenarios).items():
            print(f"{build:24}{name:14}" + "".join(f"{calls[column]:>10}" for column in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
