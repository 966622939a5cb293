"""Asks /health/live again and again from a process of its own, and prints how long each answer took, in ms.

python -m stalls_parts.probe HOST PORT SECONDS
"""

import json
import sys
import time
from http.client import HTTPConnection

PAUSE_SECONDS = 0.005
PATIENCE_SECONDS = 60.0


def main() -> None:
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    found, until = list[float](), time.monotonic() + seconds
    connection = HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("GET", "/health/live")
        connection.getresponse().read()
        found.append((time.perf_counter() - began) * 1000)
        time.sleep(PAUSE_SECONDS)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
