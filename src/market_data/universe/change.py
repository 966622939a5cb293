"""Every change of the universe: one transaction, judged whole, recorded as a version."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from market_data.errors import BadQuestion
from market_data.loops import beside
from market_data.market.instrument import Tier, read_symbol
from market_data.market.member import Difference, Member, content_hash, difference
from market_data.market.span import moment
from market_data.market.spelling import held_as
from market_data.market.tiering import retiered
from market_data.store import universe, versions
from market_data.store.connect import Connection, Database
from market_data.store.versions import Version
from market_data.universe.draft import Draft
from market_data.universe.files import MOST_PROBLEMS
from market_data.universe.same import as_held, notes

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")
Rewrite = Callable[[Sequence[Member]], list[Member]]
"""From the universe as it is to as it shall be; both hold all members, active or not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did; where nothing differs there is no new version."""

    difference: Difference
    version: Version | None
    notes: tuple[str, ...] = ()  # what is held under several spellings, or not under the canonical one


async def bring(
    database: Database,
    drafts: Sequence[Draft],
    *,
    most: Mapping[Tier, int],
    source: Mapping[str, object],
    tag: str | None = None,
    only_these: bool = False,
) -> Outcome:
    """Bring rows into the universe. Rows that are there already, alike, change nothing.

    Those that are new and have no tier get the one that `market.tiering` computes, under `most`. With
    `only_these` all others are no longer collected. Raises BadQuestion for a row that cannot be used, or for
    a tag that is taken.
    """

    def rewrite(known: Sequence[Member]) -> list[Member]:
        before = {one.symbol: one for one in known}
        told = _applied(as_held(drafts, known), before)
        after = [replace(one, active=False) if only_these else one for one in known if one.symbol not in told]
        new = {one.symbol for one in drafts if "tier" not in one.given and one.symbol not in before}
        placed = _placed([*after, *told.values()], new, most)
        return [*after, *(placed.get(name, one) for name, one in told.items())]

    outcome = await _changed(database, rewrite, source, tag)
    held = await universe.members(database)
    return replace(outcome, notes=await beside(lambda: notes(drafts, held)))


async def change(database: Database, drafts: Sequence[Draft], source: Mapping[str, object]) -> Outcome:
    """Change members that are there; BadQuestion (404), and no change, if one is not."""

    def rewrite(known: Sequence[Member]) -> list[Member]:
        by_name, held = {one.symbol: one for one in known}, as_held(drafts, known)
        if missing := [one.symbol for one in held if one.symbol not in by_name]:
            raise BadQuestion(f"not in the universe: {', '.join(missing)}; nothing was changed", status=404)
        told = _applied(held, by_name)
        return [told.get(one.symbol, one) for one in known]

    return await _changed(database, rewrite, source)


async def retier(database: Database, most: Mapping[Tier, int]) -> Outcome:
    """Compute the tiers of all that are not pinned anew."""
    return await _changed(database, lambda known: retiered(known, most), {"source": "retier"})


async def roll_back(database: Database, tag: str) -> Outcome:
    """Make the universe what it was at a version; who was not in it then is no longer collected.

    What was renamed since gets the name back that it had then, and its bars with it: else the series would be
    cut in two. Raises BadQuestion (409), and changes nothing, where another has that name now.
    """
    version = await version_of(database, tag)
    then = {one.symbol: one for one in await universe.members(database, version.created_at)}
    async with database.transaction() as connection:
        known = await universe.held(connection)
        renamed = await _named_back(connection, version, then)
        held = await universe.held(connection) if renamed else known
        gone = [replace(one, active=False) for one in held if one.symbol not in then]
        after = [*then.values(), *gone]
        await _write_differing(connection, held, after)
        source: dict[str, object] = {"source": "rollback", "to": tag}
        if renamed:
            source["renamed"] = renamed
        return await _recorded(connection, known, after, source, None)


async def _named_back(connection: Connection, version: Version, then: Iterable[str]) -> list[tuple[str, str]]:
    """Give those who were members at a version (`then`) the names of then; which symbols became which."""
    names = {name: name for name in then}  # by the name of then, that of now
    for former, symbol in await versions.renames(connection, version.created_at):
        names.update([(one, symbol) for one, now in names.items() if now == former])
    wrong, done = {one: now for one, now in names.items() if one != now}, list[tuple[str, str]]()
    while wrong:
        for one, now in wrong.items():
            if await universe.rename(connection, now, one):
                break
        else:
            one, now = next(iter(wrong.items()))
            raise BadQuestion(
                f"{now} was {one} at {version.version_tag}, but {one} is another member, or has bars of its "
                f"own, now; rename that first (`market-data universe rename {one} NEW`), then roll back; "
                "nothing was changed",
                status=409,
            )
        done.append((wrong.pop(one), one))
    return done


async def rename(database: Database, former: str, symbol: str) -> Outcome:
    """Give an instrument another symbol; its bars, revisions and backfills go with it.

    Raises BadQuestion where `former` is not in the universe, or `symbol` has members or bars of its own.
    """
    new = _name(symbol)
    async with database.transaction() as connection:
        known = await universe.held(connection)
        (one,) = as_held([Draft(_name(former), {}, former.strip().upper())], known)
        old, taken = one.symbol, held_as(member.symbol for member in known if member.symbol != one.symbol)
        if old not in {member.symbol for member in known}:
            raise BadQuestion(f"{old} is not in the universe; nothing was changed", status=404)
        if old == new:
            raise BadQuestion(f"{old} is its symbol already; nothing was changed", status=409)
        if taken.get(new, new) != new:
            raise BadQuestion(
                f"{new} is in the universe already, as {taken[new]}; nothing was changed", status=409
            )
        if not await universe.rename(connection, old, new):
            raise BadQuestion(
                f"{new} is in the universe, or has bars, already; nothing was changed", status=409
            )
        after = [replace(member, symbol=new) if member.symbol == old else member for member in known]
        return await _recorded(connection, known, after, {"source": "rename", "from": old, "to": new}, None)


async def compare(database: Database, before: str | None, after: str | None) -> Difference:
    """What turns one version into another; None is the universe as it is. BadQuestion (404): no such tag."""
    return difference(*[await _members_of(database, tag) for tag in (before, after)])


async def version_of(database: Database, tag: str) -> Version:
    """A version; BadQuestion (404) if there is none of that tag."""
    found = await versions.find(database, tag) if _TAG.fullmatch(tag) else None
    if found is None:
        raise BadQuestion(f"no version {tag[:100]!r}: `market-data universe versions` lists them", status=404)
    return found


def read_tag(text: str) -> str:
    """A tag for a version; BadQuestion if it cannot be one."""
    if not _TAG.fullmatch(text):
        raise BadQuestion(
            f"tag {text[:40]!r}: write 1 to 100 letters, digits and . _ : + -, as in 2025w41-manual"
        )
    return text


async def _members_of(database: Database, tag: str | None) -> list[Member]:
    at: datetime | None = None if tag is None else (await version_of(database, tag)).created_at
    return await universe.members(database, at)


async def _changed(
    database: Database, rewrite: Rewrite, source: Mapping[str, object], tag: str | None = None
) -> Outcome:
    async with database.transaction() as connection:
        known = await universe.held(connection)
        after = await beside(lambda: rewrite(known))  # calendars of new exchanges are loaded there too
        await _write_differing(connection, known, after)
        return await _recorded(connection, known, after, source, tag)


async def _write_differing(connection: Connection, known: Iterable[Member], after: Iterable[Member]) -> None:
    before = {one.symbol: one for one in known}
    differing = await beside(lambda: [member for member in after if before.get(member.symbol) != member])
    new = {one.symbol: one for one in differing if one.symbol not in before}
    for former, (symbol, day) in (await universe.formers(connection, list(new)) if new else {}).items():
        listed = new[former].listed
        if listed is None or listed < day:  # else it is another company that has taken the name
            raise BadQuestion(
                f"{former} is {symbol} since {day}: write {symbol}; where another has the name {former} now, "
                f"say since when with `listed` ({day} or later); nothing was changed",
                status=409,
            )
    if differing:
        await universe.write(connection, differing)


async def _recorded(
    connection: Connection,
    known: Iterable[Member],
    after: Sequence[Member],
    source: Mapping[str, object],
    tag: str | None,
) -> Outcome:
    found, content = await beside(lambda: (difference(known, after), content_hash(after)))
    newest = await versions.newest(connection)
    if not found and newest is not None and newest.content_hash in {None, content}:
        return Outcome(found, None)
    name = tag or f"{moment(time.time()):%Y%m%dT%H%M%S%fZ}-{source['source']}"
    version = await versions.add(connection, name, source, content, len(after))
    if version is None:
        raise BadQuestion(f"tag {name!r} is taken by another version; nothing was changed", status=409)
    return Outcome(found, version)


def _placed(members: Sequence[Member], new: Set[str], most: Mapping[Tier, int]) -> dict[str, Member]:
    """The new ones in the tiers that the others, who keep theirs, leave room in."""
    if not new:
        return {}
    held = [one if one.symbol in new else replace(one, pinned=True) for one in members]
    return {one.symbol: one for one in retiered(held, most) if one.symbol in new}


def _applied(drafts: Iterable[Draft], known: Mapping[str, Member]) -> dict[str, Member]:
    """By symbol the members that come of the drafts; BadQuestion says of each that cannot be one why not."""
    made, problems = dict[str, Member](), list[str]()
    for draft in drafts:
        try:
            made[draft.symbol] = draft.applied(known.get(draft.symbol))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise BadQuestion("\n".join([*problems[:MOST_PROBLEMS], *more, "nothing was written"]))
    return made


def _name(text: str) -> str:
    try:
        return read_symbol(text)
    except ValueError as error:
        raise BadQuestion(str(error)) from None
