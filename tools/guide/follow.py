"""Follows a WebSocket as wscat does, for where there is none: `python follow.py URL` prints each message behind a "< "."""

import sys
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def main() -> None:
    """Print what comes until the other side closes, or a Ctrl-C."""
    with (
        suppress(KeyboardInterrupt, ConnectionClosed),
        connect(sys.argv[1], proxy=None, max_size=None) as client,
    ):
        while True:
            message = client.recv(decode=True)
            sys.stdout.write(f"< {message}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
