"""Where a store is, for an error or a log: host, port and database of its URL, and nothing else of it."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

UNNAMED = "the address that it names"
"""What is written where a URL cannot be read safely."""
LONGEST = 200
"""Characters of an address that are repeated."""

_PLAIN = re.compile(r"[\w.\-:\[\],/%+ ]*")


def address(url: str, port: int) -> str:
    """`db.example:5432 (database market)`; `port` is the usual one. Never the user, password or options.

    A password with an unescaped `/`, `?` or `#` makes a part of itself look like host or database: where an
    `@` is found behind those, nothing of the URL is repeated.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return UNNAMED
    if "@" in f"{parts.path}?{parts.query}#{parts.fragment}":
        return UNNAMED
    options = parse_qs(parts.query)
    hosts = options.get("host", [""])[0] or unquote(parts.netloc.rpartition("@")[2])
    if parts.scheme == "unix":
        hosts, database = unquote(parts.path), options.get("db", [""])[0]
    else:
        database = options.get("dbname", options.get("database", [""]))[0] or unquote(parts.path.lstrip("/"))
    ports = options.get("port", [str(port)])[0]
    found = ",".join(_with_port(host, ports) for host in hosts.split(",")) if hosts else f"localhost:{ports}"
    if not all(_PLAIN.fullmatch(text) for text in (found, database)):
        return UNNAMED
    return (f"{found} (database {database})" if database else found)[:LONGEST]


def _with_port(host: str, port: str) -> str:
    """A host with its port; a folder of sockets as it is."""
    if host.startswith("/") or re.search(r":\d+$", host):
        return host
    return f"{host}:{port}"
