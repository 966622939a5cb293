"""Judges of what commands give: each says in some words what was seen, or raises Broken."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from guide.errors import Broken
from guide.step import Judge, Seen, Target

WIDEST = 160
"""Characters of what was seen that are worth a line."""
_SAMPLE = re.compile(r"(?m)^(\w+)(?:\{(.*)\})? (\S+)$")
_MESSAGE = re.compile(r"< (\{.*\})")

Labels = dict[str, str]


def short(text: str) -> str:
    """A text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"


def done(seen: Seen, _: Target) -> str:
    """It has succeeded and complained of nothing."""
    if seen.code or seen.err.strip():
        raise Broken(f"exit code {seen.code}: {short(seen.err or seen.out)}")
    return short(seen.out) or "done"


def says(*patterns: str) -> Judge:
    """It has succeeded, and each of the patterns is in what it wrote."""

    def judge(seen: Seen, target: Target) -> str:
        done(seen, target)
        found = [re.search(one, seen.out, re.MULTILINE) for one in patterns]
        missing = [one for one, match in zip(patterns, found, strict=True) if match is None]
        if missing:
            raise Broken(f"no {missing[0]!r} in: {short(seen.out)}")
        return short(", ".join(match[0] for match in found if match is not None))

    return judge


def tables(*names: str) -> Judge:
    """psql's list of tables has all of these."""

    def judge(seen: Seen, target: Target) -> str:
        done(seen, target)
        there = set(re.findall(r"(?m)^ \w+ *\| (\w+) *\| (?:partitioned )?table", seen.out))
        if missing := sorted(set(names) - there):
            raise Broken(f"not there: {', '.join(missing)}")
        return f"{len(there)} tables, among them {', '.join(names)}"

    return judge


def rows(least: int) -> Judge:
    """psql shows so many rows at least."""

    def judge(seen: Seen, target: Target) -> str:
        done(seen, target)
        found = re.search(r"\((\d+) rows?\)", seen.out)
        count = int(found[1]) if found else 0
        if count < least:
            raise Broken(f"{count} rows, {least} were promised")
        return f"{count} rows"

    return judge


def counted(test: Callable[[int, Target], bool]) -> Judge:
    """`SELECT COUNT(*)` gives a number that passes the test."""

    def judge(seen: Seen, target: Target) -> str:
        done(seen, target)
        found = re.search(r"(?m)^ +(\d+)$", seen.out)
        if found is None or not test(int(found[1]), target):
            raise Broken(f"counted {found[1] if found else short(seen.out)}")
        return f"counted {found[1]}"

    return judge


def answers(read: Callable[[Any, Target], str]) -> Judge:
    """One JSON document that is no problem document; `read` says what is in it."""

    def judge(seen: Seen, target: Target) -> str:
        done(seen, target)
        body = _json(seen.out)
        if isinstance(body, dict) and "detail" in body and isinstance(body.get("status"), int):
            raise Broken(f"{body['status']}: {short(str(body['detail']))}")
        try:
            return read(body, target)
        except (KeyError, TypeError, IndexError) as error:
            raise Broken(f"not of the promised form ({error!r}): {short(seen.out)}") from None

    return judge


def documents(read: Callable[[list[Any], Target], str]) -> Judge:
    """Any number of JSON documents, as jq writes them."""

    def judge(seen: Seen, target: Target) -> str:
        done(seen, target)
        return read(list(_documents(seen.out)), target)

    return judge


def samples(
    name: str, test: Callable[[list[tuple[Labels, float]], Target], str], *, lenient: bool = False
) -> Judge:
    """Lines of /metrics; `test` gets labels and value of each sample of `name` and says what is seen."""

    def judge(seen: Seen, target: Target) -> str:
        if not lenient:  # on `| head` curl complains that nobody reads on
            done(seen, target)
        found = list(metric(seen.out, name))
        if not found:
            raise Broken(f"no sample of {name}")
        return test(found, target)

    return judge


def metric(text: str, name: str) -> Iterator[tuple[Labels, float]]:
    """Labels and value of each sample of a metric in a text of /metrics, or of a part of it."""
    for called, labels, value in _SAMPLE.findall(text):
        if called == name:
            yield dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)


def messages(text: str) -> list[Any]:
    """What came over a WebSocket, as wscat shows it."""
    found = []
    for told in _MESSAGE.findall(text):
        try:
            found.append(json.loads(told))
        except ValueError:  # it is still being written
            break
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Broken(f"no JSON: {short(text)}") from None


def _documents(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        try:
            found, at = decoder.raw_decode(text, at)
        except ValueError:
            raise Broken(f"no JSON: {short(text[at:])}") from None
        yield found
        at += len(text[at:]) - len(text[at:].lstrip())
