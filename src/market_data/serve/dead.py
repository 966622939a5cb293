"""/ops/dlq/jobs: fetch jobs, and jobs from outside, that nobody will do."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import delete, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from market_data.errors import BadQuestion
from market_data.market.span import moment
from market_data.queue.group import DEAD_KEPT, DeadLetter
from market_data.serve.parts import Given
from market_data.serve.problem import can_fail

LetterId = Annotated[
    str,
    PathParameter(
        description="A dead letter, as /ops/dlq/jobs names it.", examples=[Example(value="1790947800000-0")]
    ),
]


class DeadJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that nobody will do: what it was, and why."""

    id: str
    stream: str  # where it came from: `market:jobs` for one from outside
    job: str  # as it was told, JSON or not
    why: str
    at: datetime


@get("/dlq/jobs", summary="Dead fetch jobs", responses=can_fail(403, 503))
async def dead_jobs(parts: Given) -> list[DeadJob]:
    """The newest dead letters among fetch jobs and jobs from outside, newest first.

    One is no job at all, or has killed the replicas that tried it. A series whose job has done so is left
    alone for an hour. Dead backfills are at /ops/dlq/backfills.
    """
    letters = await parts.queue.dead(DEAD_KEPT) + await parts.intake.orders.dead(DEAD_KEPT)
    return [_told(one) for one in sorted(letters, key=lambda one: -one.at)]


@delete(
    "/dlq/jobs/{letter:str}",
    summary="Forget a dead fetch job",
    status_code=204,
    responses=can_fail(403, 404, 503),
)
async def discard_job(parts: Given, letter: LetterId) -> None:
    """Forget a dead letter."""
    known = {one.id for one in await parts.queue.dead(DEAD_KEPT)}
    orders = {one.id for one in await parts.intake.orders.dead(DEAD_KEPT)}
    if letter in known:
        await parts.queue.discard(letter)
    elif letter in orders:
        await parts.intake.orders.discard(letter)
    else:
        raise BadQuestion(f"no dead job {letter[:40]!r}: /ops/dlq/jobs lists them", status=404)


def _told(one: DeadLetter) -> DeadJob:
    return DeadJob(id=one.id, stream=one.stream, job=one.job, why=one.why, at=moment(one.at))
