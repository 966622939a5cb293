"""/universe: what is collected, and how it came to be; changed under /ops."""

from typing import Annotated, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from market_data.errors import BadQuestion
from market_data.market.instrument import Tier
from market_data.market.member import Difference, Member
from market_data.serve.described import ALSO_ANSWERS, TAKES
from market_data.serve.parts import Given
from market_data.serve.problem import can_fail
from market_data.serve.window import read_datetime
from market_data.store import universe as store
from market_data.store import versions as versions_table
from market_data.store.versions import Version
from market_data.universe import (
    MOST_BYTES,
    FileKind,
    Sheet,
    bring,
    compare,
    drafts_of,
    read_tag,
    retier,
    roll_back,
    version_of,
    written,
)

MOST_MEMBERS = 10_000
"""Members in one page of JSON."""
MEDIA_TYPES = {
    FileKind.CSV: "text/csv",
    FileKind.JSON: "application/json",
    FileKind.NDJSON: "application/x-ndjson",
    FileKind.PARQUET: "application/vnd.apache.parquet",
}

FILES = tuple(media_type for kind, media_type in MEDIA_TYPES.items() if kind is not FileKind.JSON)

AnyRequest = Request[object, object, State]
Form = Annotated[
    Literal["csv", "json", "ndjson", "parquet"] | None,
    QueryParameter(name="format", description="Without it, what Accept names, or JSON in pages."),
]
AnyTier = Annotated[Literal["T0", "T1", "T2"] | None, QueryParameter(description="Without it, all tiers.")]
At = Annotated[
    str | None,
    QueryParameter(
        description="The universe as it was then, RFC 3339.", schema_extra={"format": "date-time"}
    ),
]
Tag = Annotated[str | None, QueryParameter(description="The universe as it was at this version.")]
After = Annotated[str | None, QueryParameter(description="Symbols after this one: the `next` of a page.")]
Limit = Annotated[
    int,
    QueryParameter(description="Members in a page.", schema_extra={"minimum": 1, "maximum": MOST_MEMBERS}),
]
OneTag = Annotated[str, PathParameter(description="A version.", examples=[Example(value="2025w41-manual")])]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Members in order of symbol; `next` is the `after` of the next page, null on the last."""

    members: list[Member]
    next: str | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a change did; `version` is null where nothing differed, `notes` name what is spelled otherwise."""

    version: Version | None
    difference: Difference
    notes: tuple[str, ...] = ()


@get("/", summary="The universe", responses=can_fail(404, 422, 503), opt={ALSO_ANSWERS: FILES})
async def members(
    parts: Given,
    request: AnyRequest,
    *,
    form: Form = None,
    tier: AnyTier = None,
    everything: Annotated[bool, QueryParameter(name="all", description="Also those not collected.")] = False,
    as_of: At = None,
    version: Tag = None,
    after: After = None,
    limit: Limit = 1000,
) -> Response[Page] | Response[bytes]:
    """The universe in order of symbol, now or as it was: JSON in pages, or whole as a file."""
    if not 1 <= limit <= MOST_MEMBERS:
        raise BadQuestion(f"limit: {limit} is not between 1 and {MOST_MEMBERS}; use `next` for further pages")
    if as_of is not None and version is not None:
        raise BadQuestion("as_of and version say the same thing: give one of them")
    at = None if as_of is None else read_datetime("as_of", as_of)
    if version is not None:
        at = (await version_of(parts.database, version)).created_at
    found = [
        one
        for one in await store.members(parts.database, at)
        if (everything or one.active) and (tier is None or one.tier is Tier(tier))
    ]
    kind = FileKind(form) if form else _accepted(request)
    if kind is not None:
        return Response(written(kind, found), media_type=MEDIA_TYPES[kind])
    rest = [one for one in found if after is None or one.symbol > after]
    more = rest[limit - 1].symbol if len(rest) > limit else None
    return Response(Page(members=rest[:limit], next=more), media_type="application/json")


@get("/versions", summary="Its versions", responses=can_fail(503))
async def versions(parts: Given) -> list[Version]:
    """The newest versions, newest first: every change makes one."""
    return await versions_table.listed(parts.database)


@get("/diff", summary="What differs", responses=can_fail(404, 422, 503))
async def diff(
    parts: Given,
    *,
    before: Annotated[str | None, QueryParameter(name="from", description="Else the newest version.")] = None,
    after: Annotated[str | None, QueryParameter(name="to", description="A version; else as it is.")] = None,
) -> Difference:
    """What turns one version into another, or into the universe as it is."""
    if before is None:
        newest = await versions_table.listed(parts.database, 1)
        before = newest[0].version_tag if newest else None
    return await compare(parts.database, before, after)


@post(
    "/universe",
    summary="Bring rows in",
    status_code=200,
    request_max_body_size=MOST_BYTES,
    opt={TAKES: tuple(MEDIA_TYPES.values())},
    responses=can_fail(403, 413, 422, 503),
)
async def bring_in(
    parts: Given,
    request: AnyRequest,
    *,
    tag: Tag = None,
    only_these: Annotated[bool, QueryParameter(description="Stop collecting all others.")] = False,
    source: Annotated[str, QueryParameter(description="Where the rows are from.")] = "import",
) -> Told:
    """Bring rows into the universe: CSV, JSON, NDJSON or Parquet, told by Content-Type.

    The columns are those of `GET /universe`; only symbol is needed, blank fields stay as they are. Every row
    is checked before any is written. The same rows again change nothing.
    """
    said = request.content_type[0].lower()
    kinds = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
    if said not in kinds:
        raise BadQuestion(f"Content-Type {said[:60]!r} is not one of {', '.join(kinds)}")
    drafts = drafts_of(Sheet("the body", kinds[said], await request.body()))
    told = {"source": source[:100], "rows": len(drafts)}
    outcome = await bring(
        parts.database,
        drafts,
        most=parts.settings.tier_maxs,
        source=told,
        tag=tag and read_tag(tag),
        only_these=only_these,
    )
    return Told(version=outcome.version, difference=outcome.difference, notes=outcome.notes)


@post("/universe/rollback/{tag:str}", summary="Roll back", status_code=200, responses=can_fail(403, 404, 503))
async def back(parts: Given, tag: OneTag) -> Told:
    """Make the universe what it was at a version; who was not in it then is no longer collected."""
    outcome = await roll_back(parts.database, tag)
    return Told(version=outcome.version, difference=outcome.difference)


@post("/universe/retier", summary="Compute the tiers anew", status_code=200, responses=can_fail(403, 503))
async def tiers(parts: Given) -> Told:
    """Compute the tiers of all that are not pinned from adv_21d and mkt_cap, under TIER_MAXS."""
    outcome = await retier(parts.database, parts.settings.tier_maxs)
    return Told(version=outcome.version, difference=outcome.difference)


HANDLERS = [members, versions, diff]
CHANGES = [bring_in, back, tiers]
"""Under /ops, closed to strangers."""


def _accepted(request: AnyRequest) -> FileKind | None:
    """The format that Accept asks for by name; None: JSON in pages."""
    by_type = {media_type: kind for kind, media_type in MEDIA_TYPES.items() if kind is not FileKind.JSON}
    best = request.accept.best_match(["application/json", *by_type], default="application/json")
    return by_type.get(best or "")
