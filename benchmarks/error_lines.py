"""How long the log line of an unexpected error takes: as long, the event loop stands still.

    python benchmarks/error_lines.py [--old FOLDER]

An error 40 calls deep, with a dictionary of 1,000 entries in every frame, is logged 20 times in each format.
Printed are the median and the longest in ms of CPU time, and the size of the line. `--old` does the same in
another build's `src`, in the same run. The goal is 5 ms.
"""

import argparse
import io
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr
from importlib import import_module
from pathlib import Path
from statistics import median

import structlog

TIMES = 20
GOAL = 5.0


def _deep(depth: int, values: dict[int, str]) -> None:
    if depth == 0:
        raise ValueError("boom")
    _deep(depth - 1, values)


def measure() -> float:
    """Print a line for each format; the longest time in ms."""
    try:
        set_up = import_module("market_data.telemetry.lines").set_up
    except ModuleNotFoundError:  # an older build
        set_up = import_module("market_data.telemetry.logs").set_up
    longest = 0.0
    for form in ("json", "text"):
        took = []
        with redirect_stderr(io.StringIO()) as out:
            set_up("INFO", form)
            for _ in range(TIMES):
                try:
                    _deep(40, dict.fromkeys(range(1000), "x" * 100))
                except ValueError as error:
                    began = time.thread_time()
                    structlog.get_logger().error("Request failed", exc_info=error)
                    took.append((time.thread_time() - began) * 1000)
        size = len(out.getvalue()) // TIMES
        print(f"  {form}: median {median(took):.2f} ms, longest {max(took):.2f} ms, {size:,} characters")
        longest = max(longest, *took)
    return longest


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=Path, help="the folder of another build")
    old = parser.parse_args().old
    if old is not None:
        print(f"{old}:", flush=True)
        environment = os.environ | {"PYTHONPATH": str(old / "src")}
        subprocess.run([sys.executable, __file__], env=environment, check=False)
        print("this build:")
    return 0 if measure() <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
