"""`market-data serve` by the clock of the simulator that it asks: it is as late in New York as that says.

`python rehearsed.py SIMULATOR`: where the simulator is.
"""

import json
import sys
from urllib.request import urlopen

from market_data.cli import serve
from market_data.cli.output import fail
from market_data.errors import MarketDataError
from market_data.simulate import paced

SECONDS = 10.0
"""How long the simulator may take to say what time it is."""


def main() -> None:
    """Serve until a signal comes; what it says is what `market-data serve --json` says."""
    with urlopen(f"{sys.argv[1]}/sim/state", timeout=SECONDS) as reply:  # noqa: S310 - the stack's own address
        clock = paced(float(json.load(reply)["now"]))
    try:
        serve.run(lambda: serve.configured(None, 0, as_json=True, clock=clock))
    except MarketDataError as error:
        fail(error)


if __name__ == "__main__":
    main()
