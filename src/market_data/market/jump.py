"""Decides what becomes of a jump: bars at another level than those before them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from market_data.market.bar import Adjustment, Bars, Numbers
from market_data.market.doubt import Doubt, Places, near
from market_data.market.outcome import Context, Evidence, Finding, Outcome

OF_SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
"""The ratios of splits: raw prices may step by one where a session opens."""
AGREEMENT = 0.1
"""Share by which another provider's price may differ and still be the same: venues, late prints."""
SAME_MOVE = 0.7
"""A provider that saw at least this share of a move, in logarithms, saw the same move."""
NO_MOVE = 0.3
"""A provider that saw less than this share of a move did not see it."""
SHORT = 5
"""Bars: a level that is left again after at most so many may be a misprint."""
LASTS = 3
"""Bars: a level that holds for so many is there."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Bars at another level than before: `doubted` are their places among `bars`, `later` the closes after
    the first of them."""

    bars: Bars
    doubted: Places
    later: Numbers
    level: float

    @property
    def close(self) -> float:
        """The close of the first of them."""
        return float(self.bars.close[self.doubted[0]])


def judge(jump: Jump, context: Context, others: Sequence[Evidence]) -> Finding:
    """What becomes of a jump: an operator's word counts first, then other providers, then what is known."""
    outcome, why, witness = Outcome.REJECTED, "rejected by an operator", None
    if not context.rejected[jump.doubted].any():
        outcome, why, witness = _by_others(jump, context, others) or (*_by_itself(jump, context), None)
    words = f"close {jump.close:.10g} after {jump.level:.10g}: {why}"
    return Finding(jump.doubted, Doubt.JUMP, outcome, words, witness)


def _by_others(
    jump: Jump, context: Context, others: Sequence[Evidence]
) -> tuple[Outcome, str, Evidence] | None:
    """What the first provider says that can say something."""
    for one in others:
        _, ours, theirs = np.intersect1d(jump.bars.ts[jump.doubted], one.bars.ts, return_indices=True)
        if len(ours):
            own = float(jump.bars.close[jump.doubted[ours[0]]])
            other = float(one.bars.close[theirs[0]])
            outcome = _compared(jump, own, other, context, same_kind=one.adjustment is context.adjustment)
            if outcome is not None:
                return outcome, f"{one.provider} sent {other:.10g}", one
    return None


def _compared(jump: Jump, own: float, other: float, context: Context, *, same_kind: bool) -> Outcome | None:
    """What another provider's close says of a doubted one; None where it says nothing."""
    seen = np.log(other / jump.level) / np.log(own / jump.level)
    if abs(own / other - 1) <= AGREEMENT or SAME_MOVE <= seen <= 1 / SAME_MOVE:
        return Outcome.CONFIRMED
    denies = abs(seen) <= NO_MOVE and (same_kind or not may_be_split(jump, context))
    return Outcome.CONTRADICTED if denies else None


def _by_itself(jump: Jump, context: Context) -> tuple[Outcome, str]:
    """What is known without another provider."""
    if context.contradicted[jump.doubted].any():
        return Outcome.CONTRADICTED, "contradicted before"
    stays = np.abs(np.log(jump.later / jump.close)) <= np.abs(np.log(jump.later / jump.level))
    if len(jump.later) >= LASTS - 1 and stays.all():
        return Outcome.ACCEPTED, "the bars after it stay there"
    if stays.all() and may_be_split(jump, context):
        return Outcome.ACCEPTED, "the ratio of a split where a session opens"
    if context.waited[jump.doubted[0]]:
        return Outcome.REPEATED, "repeated by its provider"
    left = "" if stays.all() else ", and the bars after it do not stay there"
    return Outcome.QUARANTINED, f"no second provider{left}"


def may_be_split(jump: Jump, context: Context) -> bool:
    """Whether a split explains it: those are between sessions, and change no prices that are adjusted."""
    raw, opens = context.adjustment is Adjustment.RAW, bool(context.opens_session[jump.doubted[0]])
    return raw and opens and is_split(jump.close / jump.level)


def is_split(ratio: float) -> bool:
    """Whether a step has the ratio of a split, in either direction."""
    return bool(near(max(ratio, 1 / ratio), OF_SPLITS))
