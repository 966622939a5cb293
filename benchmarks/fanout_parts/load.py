"""The load's process: many clients of one server, one thread, no framework.

python -m fanout_parts.load TASK

Says Ready when all are subscribed. It is told Published on its standard input, waits for what is still on its
way, and answers Received.
"""

import base64
import gc
import os
import select
import socket
import sys
import time

import msgspec
import numpy as np

from fanout_parts.tally import Client, Tally
from fanout_parts.task import Load, Published, Ready, Received, say

LONGEST_SILENCE = 10.0
"""Seconds without anything from a server, after which what has not come will not come."""
AT_A_TIME = 0.2
"""Of a window: what should have come for a client when it is read, where only the rate counts. Then the load
costs little, takes no processor from the server, and is not waked by each message."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.2
"""Seconds between reading all clients, to that end."""
OPENING_SECONDS = 60.0
"""How long all clients together may take to be subscribed."""


class Clients:
    """All clients, and the credit that they give to the source."""

    def __init__(self, task: Load) -> None:
        self._task = task
        self._tally = Tally(task.opening.encode(), timed=not task.window)
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._lowest = task.first
        self._at_lowest = task.clients
        self._credit_line = socket.socket(socket.AF_UNIX)
        self._credit_line.bind(task.credit)
        self._credit_line.listen()
        self._source: socket.socket | None = None
        self._reads = self._read = 0  # reads of clients, and messages that came so, since the last pause
        self._began = 0.0  # when the first bar came
        self._since = (0.0, 0, 0)  # when counting began, deliveries and latencies before that

    def connect(self) -> None:
        """Connect all and wait until they are subscribed."""
        names = self._task.symbols
        for number in range(self._task.clients):
            connection = handshake(self._task.port, f"/ws/{names[number % len(names)]}")
            client = Client(connection, self._task.first, opened=not self._task.opening)
            self._clients[connection.fileno()] = client
            self._poll.register(connection, select.EPOLLIN)
        until = time.monotonic() + OPENING_SECONDS
        while self._task.opening and self._tally.opened < self._task.clients:
            self._turn()
            if time.monotonic() > until:
                raise TimeoutError(f"{self._tally.opened} of {self._task.clients} clients were subscribed")

    def follow(self) -> Received:
        """Receive until all that was published has come, or nothing comes any more."""
        self._poll.register(self._credit_line, select.EPOLLIN)
        self._poll.register(sys.stdin, select.EPOLLIN)
        pause = SHORTEST_PAUSE
        while self._turn():
            if self._task.window:
                time.sleep(pause)
                pause = self._next_pause(pause)
        count, until = self._tally.delivered, time.time()
        line = sys.stdin.buffer.readline()
        if not line:
            raise SystemExit(1)  # whoever started us has gone
        end = self._task.first + msgspec.json.decode(line, type=Published).rounds
        self._poll.unregister(sys.stdin)
        heard = time.monotonic()
        while self._lowest < end and time.monotonic() < heard + LONGEST_SILENCE:
            before = self._tally.delivered
            self._turn()
            if self._tally.delivered > before:
                heard = time.monotonic()
        return self._received(end, count, until)

    def _turn(self) -> bool:
        """Take what has come; False once standard input has something to say."""
        clients, read, going_on = self._clients, self._tally.read, True
        for number, _ in self._poll.poll(1.0, self._task.clients):
            client = clients.get(number)
            if client is None:
                going_on = going_on and number != sys.stdin.fileno()
                if number == self._credit_line.fileno():
                    self._source = self._credit_line.accept()[0]
                continue
            before = client.next
            self._reads += 1
            read(client)
            if before == self._lowest != client.next:
                self._at_lowest -= 1
                if not self._at_lowest:
                    self._give_credit()
        if self._tally.delivered and not self._since[0]:
            self._warm_up()
        return going_on

    def _next_pause(self, pause: float) -> float:
        """Longer or shorter, as less or more than a part of the window was read at a time."""
        read, reads = self._tally.delivered - self._read, self._reads
        self._read, self._reads = self._tally.delivered, 0
        if not reads:
            return pause
        enough = read / reads >= self._task.window * AT_A_TIME
        return max(SHORTEST_PAUSE, pause / 1.25) if enough else min(LONGEST_PAUSE, pause * 1.25)

    def _give_credit(self) -> None:
        """Tell the source up to where all clients have received everything."""
        numbers = [client.next for client in self._clients.values()]
        self._lowest = min(numbers)
        self._at_lowest = numbers.count(self._lowest)
        if self._source is not None:
            try:
                self._source.sendall(b"%d\n" % (self._lowest - self._task.first))
            except OSError:  # it has published all that it had to
                self._source = None

    def _warm_up(self) -> None:
        now = time.time()
        self._began = self._began or now
        if now >= self._began + self._task.warm_up:
            self._since = (now, self._tally.delivered, len(self._tally.latencies))

    def _received(self, end: int, count: int, until: float) -> Received:
        tally, (since, before, untimed) = self._tally, self._since
        if not since or until <= since:
            raise SystemExit("the load: nothing came after the warm-up")
        latencies = np.array(tally.latencies[untimed:] or [0.0]) * 1000
        return Received(
            delivered=tally.delivered,
            per_second=(count - before) / (until - since),
            bytes=tally.bytes / max(1, tally.delivered),
            missing=tally.missing + sum(max(0, end - client.next) for client in self._clients.values()),
            repeated=tally.repeated,
            p50=float(np.percentile(latencies, 50)),
            p99=float(np.percentile(latencies, 99)),
            most=float(latencies.max()),
        )


def handshake(port: int, path: str) -> socket.socket:
    """A connection on which frames follow; none has been read."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=OPENING_SECONDS)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    )
    connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    reply = b""
    while not reply.endswith(b"\r\n\r\n"):
        seen = connection.recv(4096, socket.MSG_PEEK)
        if not seen:
            raise ConnectionError(f"{path}: cut off while connecting")
        ends = (reply + seen).find(b"\r\n\r\n") + 4 - len(reply)
        reply += connection.recv(ends if ends > 0 else len(seen))
    if b" 101 " not in reply.partition(b"\r\n")[0]:
        raise ConnectionError(f"{path}: {reply.decode(errors='replace')}")
    connection.setblocking(False)
    return connection


def main() -> None:
    task = msgspec.json.decode(sys.argv[1], type=Load)
    clients = Clients(task)
    clients.connect()
    gc.freeze()
    gc.disable()  # nothing here is cyclic, and a pause would count as the server's
    say(Ready(0))
    say(clients.follow())


if __name__ == "__main__":
    main()
