"""The work of market-data universe: shows and changes what is collected."""

import sys
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from rich.table import Table

from market_data.cli import stores
from market_data.cli.files import whole
from market_data.cli.output import data, print_json, say, step
from market_data.errors import BadQuestion
from market_data.market.instrument import AssetType, Tier
from market_data.market.member import Difference, Member, difference
from market_data.serve.window import read_datetime
from market_data.store import universe as store
from market_data.store import versions as versions_table
from market_data.store.connect import Database
from market_data.universe import (
    Draft,
    FileKind,
    Outcome,
    as_held,
    bring,
    change,
    compare,
    draft,
    drafts_of,
    read_file,
    read_tag,
    rename,
    retier,
    roll_back,
    version_of,
    written,
)

NAMED = 10
"""Symbols that are named when many have been changed."""


def show(
    *, everything: bool, tier: Tier | None, at: str | None, tag: str | None, demo: bool, as_json: bool
) -> None:
    """Print the universe, freshest tier first."""
    found = [
        one
        for one in _members(at, tag, demo=demo)
        if (everything or one.active) and (tier is None or one.tier is tier)
    ]
    found.sort(key=lambda one: (one.tier, one.symbol))
    if as_json:
        print_json(found)
        return
    if not found:
        say(store.EMPTY)
        return
    table = Table("symbol", "tier", "kind", "exchange", "volume a day", "market cap", "collected")
    for one in found:
        amounts = ("" if value is None else f"{value:,.0f}" for value in (one.adv_21d, one.mkt_cap))
        held = f"{one.tier}{' pinned' if one.pinned else ''}"
        table.add_row(one.symbol, held, one.asset_type, one.exchange, *amounts, "yes" if one.active else "no")
    data.print(table)


def add(
    symbols: Iterable[str], exchange: str | None, kind: AssetType | None, tier: Tier | None, *, demo: bool
) -> None:
    """Add symbols, or change those that are there; BadQuestion names each that cannot be one."""
    fields = {"exchange": exchange, "asset_type": kind, "active": True}
    drafts = _drafts(symbols, {**fields, "tier": tier or Tier.T2, "pinned": tier is not None})
    _brought(drafts, {"source": "command"}, demo=demo)


def remove(symbols: Iterable[str], *, demo: bool) -> None:
    """Stop collecting symbols; BadQuestion (404), and no change, if one of them is not there."""
    drafts = _drafts(symbols, {"active": False})
    _tell(stores.run(lambda database: change(database, drafts, {"source": "command"}), demo=demo))


def edit(symbols: Iterable[str], fields: Mapping[str, object], *, demo: bool) -> None:
    """Change fields of symbols that are there; a tier that is chosen by hand is pinned."""
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        raise BadQuestion(
            "nothing to set: say for example --tier T0, --pin, --adv-21d 1e6 or --delisted 2025-10-08"
        )
    if "tier" in given:
        given = {"pinned": True, **given}
    drafts = _drafts(symbols, given)
    _tell(stores.run(lambda database: change(database, drafts, {"source": "command"}), demo=demo))


def load(
    file: Path, kind: FileKind | None, *, tag: str | None, source: str | None, only_these: bool, demo: bool
) -> None:
    """Bring the rows of a file into the universe, all or none."""
    sheet = read_file(file, kind)
    with step(f"checking {file.name}"):
        drafts = drafts_of(sheet)
    told = {"source": source or "import", "file": file.name, "rows": len(drafts)}
    _brought(drafts, told, tag=tag and read_tag(tag), only_these=only_these, demo=demo)


def save(
    file: Path | None, kind: FileKind | None, *, everything: bool, at: str | None, tag: str | None, demo: bool
) -> None:
    """Write the universe to a file, or to standard output."""
    suffix = file.suffix.lower().lstrip(".") if file else ""
    if kind is None and file and suffix not in set(FileKind):
        raise BadQuestion(f"{file}: name it .{', .'.join(FileKind)}, or say which with --format")
    found = [one for one in _members(at, tag, demo=demo) if everything or one.active]
    content = written(kind or FileKind(suffix or "csv"), found)
    if file is None:
        sys.stdout.buffer.write(content)
        return
    with whole(file) as part:
        part.write_bytes(content)
    say(f"{len(found)} written to {file}")


def differ(before: str, after: str | None, *, demo: bool, as_json: bool) -> None:
    """Print what turns one version, or a file, into another version, or into the universe as it is."""
    file = Path(before)
    drafts = drafts_of(read_file(file)) if file.suffix and file.exists() else None

    async def work(database: Database) -> Difference:
        if drafts is None:
            return await compare(database, before, after)
        at = (await version_of(database, after)).created_at if after else None
        return _against(drafts, await store.members(database, at))

    found = stores.run(work, demo=demo)
    if as_json:
        print_json(found)
        return
    _print(found)


def versions(*, demo: bool, as_json: bool) -> None:
    """Print the versions, newest first."""
    found = stores.run(versions_table.listed, demo=demo)
    if as_json:
        print_json(found)
        return
    table = Table("version", "made (UTC)", "members", "source", "content")
    for one in found:
        source = ", ".join(f"{name}: {value}" for name, value in one.source_meta.items())
        size, content = str(one.members or ""), (one.content_hash or "by hand")[:12]
        table.add_row(one.version_tag, f"{one.created_at:%Y-%m-%d %H:%M:%S}", size, source, content)
    data.print(table)


def back(tag: str, *, demo: bool) -> None:
    """Make the universe what it was at a version."""
    _tell(stores.run(lambda database: roll_back(database, tag), demo=demo))


def tiers(*, demo: bool) -> None:
    """Compute the tiers of all that are not pinned anew."""
    most = stores.settings_of(demo=demo).tier_maxs
    _tell(stores.run(lambda database: retier(database, most), demo=demo))


def name(former: str, symbol: str, *, demo: bool) -> None:
    """Give an instrument another symbol, with all that is kept of it."""
    _tell(stores.run(lambda database: rename(database, former, symbol), demo=demo))


def _members(at: str | None, tag: str | None, *, demo: bool) -> list[Member]:
    if at is not None and tag is not None:
        raise BadQuestion("--as-of and --version say the same thing: give one of them")

    async def work(database: Database) -> list[Member]:
        moment: datetime | None = None if at is None else read_datetime("as-of", at)
        if tag is not None:
            moment = (await version_of(database, tag)).created_at
        return await store.members(database, moment)

    return stores.run(work, demo=demo)


def _drafts(symbols: Iterable[str], fields: Mapping[str, object]) -> list[Draft]:
    """One for each symbol; BadQuestion names each that cannot be one."""
    found: dict[str, Draft] = {}
    problems = []
    for symbol in symbols:
        try:
            one = draft({"symbol": symbol, **fields})
            if fields.get("active"):
                one.check()
            found[one.written] = one
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise BadQuestion("\n".join(problems))
    return list(found.values())


def _brought(
    drafts: list[Draft],
    source: Mapping[str, object],
    *,
    tag: str | None = None,
    only_these: bool = False,
    demo: bool,
) -> None:
    most = stores.settings_of(demo=demo).tier_maxs
    started = time.perf_counter()
    with step(f"bringing {len(drafts)} into the universe"):
        outcome = stores.run(
            lambda database: bring(
                database, drafts, most=most, source=source, tag=tag, only_these=only_these
            ),
            demo=demo,
            make=True,
        )
    _tell(outcome, f" in {time.perf_counter() - started:.1f} s")


def _tell(outcome: Outcome, took: str = "") -> None:
    for note in outcome.notes:
        say(note)
    found = outcome.difference
    if outcome.version is None:
        say("the universe is so already: nothing was changed")
        return
    names = [*found.added, *found.removed, *(one.symbol for one in found.changed)]
    more = " …" if len(names) > NAMED else ""
    say(
        f"{len(names)} written{took}: {', '.join(names[:NAMED])}{more}; version {outcome.version.version_tag}"
    )


def _against(drafts: Iterable[Draft], known: Iterable[Member]) -> Difference:
    """What bringing the drafts in would change; who is not told of stays."""
    before = {one.symbol: one for one in known}
    told = {one.symbol: one.applied(before.get(one.symbol)) for one in as_held(drafts, [*before.values()])}
    return difference(before.values(), (before | told).values())


def _print(found: Difference) -> None:
    if not found:
        say("they are the same")
        return
    table = Table("symbol", "what", "from", "to")
    for symbol in found.added:
        table.add_row(symbol, "added", "", "")
    for symbol in found.removed:
        table.add_row(symbol, "removed", "", "")
    for one in found.changed:
        for field, (old, new) in one.fields.items():
            table.add_row(one.symbol, field, "" if old is None else str(old), "" if new is None else str(new))
    data.print(table)
