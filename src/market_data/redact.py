"""Replaces secrets in text that leaves the process."""

import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qs, quote, quote_plus, unquote

HIDDEN = "***"
"""What is written in a secret's place."""
SHORTEST_SECRET = 6
"""Characters. Whatever is shorter is a word of its own, such as `demo`, and would blank out half of a log."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced, however it is spelled, so that it can be logged or shown."""
    spellings = {form for secret in secrets if secret for form in _spellings(secret)}
    for spelling in sorted(spellings, key=len, reverse=True):  # one secret may begin another
        text = text.replace(spelling, HIDDEN)
    return text


class Fence:
    """The last look at each line that is logged: no secret leaves, whatever an error's text repeats."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long = (secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
        spellings = {form for secret in long for form in _spellings(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)
        words = "|".join(map(re.escape, self._spellings))
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])")

    def hide(self, line: str) -> str:
        """The line with each secret replaced that is not a part of a longer word."""
        if any(spelling in line for spelling in self._spellings):
            return self._pattern.sub(HIDDEN, line)
        return line


def of_url(url: str) -> frozenset[str]:
    """The passwords in a URL, as they are written and as they are meant; empty where it has none."""
    user, at, _ = url.partition("://")[2].rpartition("@")
    given = parse_qs(url.partition("?")[2])
    found = [user.partition(":")[2] if at else "", *given.get("password", []), *given.get("sslpassword", [])]
    return frozenset(form for password in found if password for form in (password, unquote(password)))


def _spellings(secret: str) -> Iterable[str]:
    """As URLs, JSON and Python's repr write it."""
    yield from (secret, quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1])
