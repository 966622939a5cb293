"""One instrument, one member: rows become those of the member that exists, however it is spelled."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from market_data.market.member import Member
from market_data.market.spelling import canonical, held_as
from market_data.universe.draft import Draft


def as_held(drafts: Iterable[Draft], known: Sequence[Member]) -> list[Draft]:
    """The drafts, each with the symbol that its instrument has among `known`; new ones stay canonical."""
    names = {one.symbol for one in known}
    held = held_as(names)
    return [
        replace(
            draft, symbol=draft.written if draft.written in names else held.get(draft.symbol, draft.symbol)
        )
        for draft in drafts
    ]


def notes(drafts: Iterable[Draft], members: Iterable[Member]) -> tuple[str, ...]:
    """A sentence for each instrument of the drafts that is not collected once, under its canonical symbol."""
    concerned = {canonical(draft.symbol) for draft in drafts}
    held = _by_instrument(
        member.symbol for member in members if member.active and canonical(member.symbol) in concerned
    )
    told = []
    for symbol, names in held.items():
        if len(names) > 1:
            told.append(
                f"{' and '.join(names)} are one instrument, collected {len(names)} times: {_stop(names)}"
            )
        elif names != [symbol]:
            (name,) = names
            told.append(
                f"{name} is {symbol}: `market-data universe rename {name} {symbol}` gives it that name"
            )
    return tuple(told)


def doubles(symbols: Iterable[str]) -> list[tuple[list[str], str]]:
    """The spellings of each instrument that is collected under several, and the commands that stop it."""
    return [(names, _stop(names)) for names in _by_instrument(symbols).values() if len(names) > 1]


def _by_instrument(symbols: Iterable[str]) -> dict[str, list[str]]:
    """By canonical symbol its spellings among `symbols`, the one to be kept first."""
    found = defaultdict[str, list[str]](list)
    for symbol in sorted(symbols, key=lambda name: (canonical(name), canonical(name) != name, name)):
        found[canonical(symbol)].append(symbol)
    return found


def _stop(names: Sequence[str]) -> str:
    return f"`market-data universe remove {' '.join(names[1:])}` keeps {names[0]}"
