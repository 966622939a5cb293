"""Sorts an answer by what was found about its bars: stored, quarantined, or rejected; pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from market_data.market.bar import Adjustment, Bars, Mask, Row
from market_data.market.doubt import FEW_TICKS, tick_of
from market_data.market.interval import Interval
from market_data.market.jump import AGREEMENT
from market_data.market.outcome import STORED, Evidence, Finding, Outcome
from market_data.market.quality import Reason as Why
from market_data.market.quality import Rejected
from market_data.market.quarantined import QuarantineChange, Quarantined, Reason
from market_data.market.sequence import Laid, Received, is_own

DIFFERS = 0.03
"""Share by which a provider's close may differ from the stored one of another before a trace is kept."""
MOST_TRACES = 20
"""Traces of one answer: what differs throughout is another level, not many errors."""

_WORST = (Outcome.QUARANTINED, Outcome.CONTRADICTED, Outcome.REJECTED)


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of an answer. `kept`: the received bars that are stored, shape (n,).

    `instead` are bars of others that are stored in the place of contradicted ones, `doubted` the labels of
    quarantined bars that nobody contradicts. `counts` is by doubt and outcome; a bar that has been in
    quarantine before is counted when that ends.
    """

    kept: Mask
    rejected: tuple[Rejected, ...]
    change: QuarantineChange
    instead: Sequence[Evidence]
    doubted: tuple[int, ...]
    counts: Counter[tuple[str, str]]


def settle(laid: Laid, findings: Sequence[Finding]) -> Settled:
    """What becomes of the received bars, and of the quarantine's entries of their time."""
    received, rows = laid.received, laid.received.bars.rows()
    left = _left_out(laid, findings)
    kept: Mask = np.ones(len(rows), np.bool_)
    kept[list(left)] = False
    good = received.bars.take(kept)
    rejected = [at for at, one in left.items() if one.outcome is Outcome.REJECTED]
    doubted = [at for at, one in left.items() if one.outcome is Outcome.QUARANTINED]
    instead = _instead(laid, left)
    put = [*_put(laid, left, instead), *_traces(laid, good)]
    released, contradicted = _settled_entries(laid, good)
    withdrawn = _withdrawn(laid)
    counts = _counted(laid, findings) + Counter({("jump", "withdrawn"): len(withdrawn)})
    return Settled(
        kept=kept,
        rejected=tuple(Rejected(rows[at], Why.OPERATOR) for at in rejected),
        change=QuarantineChange(put, [*released, *withdrawn], contradicted),
        instead=instead,
        doubted=tuple(rows[at][0] for at in doubted),
        counts=counts,
    )


def _left_out(laid: Laid, findings: Sequence[Finding]) -> dict[int, Finding]:
    """By index in the answer, the bars that are not stored, each with the worst that was found of it."""
    index = {place: at for at, place in enumerate(laid.places.tolist())}
    found: dict[int, Finding] = {}
    bad = [finding for finding in findings if finding.outcome not in STORED]
    for one in sorted(bad, key=lambda each: _WORST.index(each.outcome)):
        found |= {index[place]: one for place in one.places.tolist()}
    return dict(sorted(found.items()))


def _instead(laid: Laid, left: Mapping[int, Finding]) -> list[Evidence]:
    """What others sent in the place of contradicted bars, as far as it is final and of the same level."""
    labels: dict[int, list[int]] = {}
    witnesses: dict[int, Evidence] = {}
    for at, one in left.items():
        if (
            one.outcome is Outcome.CONTRADICTED
            and one.witness is not None
            and _fits(one.witness, laid.received)
        ):
            witnesses[id(one.witness)] = one.witness
            labels.setdefault(id(one.witness), []).append(int(laid.received.bars.ts[at]))
    stored = laid.around.stored.ts
    found: list[Evidence] = []
    for key, witness in witnesses.items():
        ts = witness.bars.ts
        final = ts + laid.received.interval.seconds <= witness.settled_before
        bars = witness.bars.take(np.isin(ts, labels[key]) & final & ~np.isin(ts, stored))
        if len(bars):
            found.append(replace(witness, bars=bars))
    return found


def _fits(witness: Evidence, received: Received) -> bool:
    """Whether another provider's bars can be stored in this series: minutes are raw."""
    same = witness.adjustment is received.adjustment
    return same or (received.interval is not Interval.D1 and witness.adjustment is Adjustment.RAW)


def _put(laid: Laid, left: Mapping[int, Finding], instead: Sequence[Evidence]) -> list[Quarantined]:
    rows = laid.received.bars.rows() if left else []
    there = {int(ts) for one in instead for ts in one.bars.ts.tolist()} | set(laid.around.stored.ts.tolist())
    return [
        Quarantined(
            row=rows[at],
            reason=Reason(one.doubt.value),
            evidence=one.words,
            contradicted=one.outcome is Outcome.CONTRADICTED,
            again=rows[at][0] not in there,
        )
        for at, one in left.items()
        if one.outcome is not Outcome.REJECTED
    ]


def _traces(laid: Laid, good: Bars) -> list[Quarantined]:
    """Of the good bars, those in whose place another provider's bar is stored that has another close."""
    received, stored = laid.received, laid.around.stored
    names = np.array(laid.around.providers, dtype=np.str_)
    _, ours, theirs = np.intersect1d(good.ts, stored.ts, return_indices=True)
    own, other = good.close[ours], stored.close[theirs]
    ticks = FEW_TICKS * tick_of(good) if len(ours) else 0.0
    far = (
        (np.abs(own / other - 1) > DIFFERS)
        & (np.abs(own - other) > ticks)
        & (names[theirs] != received.provider)
    )
    known = {entry.row for entry in laid.around.entries if is_own(entry, received)}
    rows = good.take(ours[far]).rows()
    words = [
        f"close {row[4]:.10g}: stored is {close:.10g} of {name}"
        for row, close, name in zip(rows, other[far].tolist(), names[theirs[far]].tolist(), strict=True)
    ]
    traces = [
        Quarantined(row, Reason.DIFFERS, said, again=False)
        for row, said in zip(rows, words, strict=True)
        if row not in known
    ]
    return traces[:MOST_TRACES]


def _settled_entries(laid: Laid, good: Bars) -> tuple[list[int], list[tuple[int, str]]]:
    """The entries that good bars settle, and those that they contradict, with the evidence."""
    entries = [entry for entry in laid.around.entries if entry.decision is None and not entry.is_trace]
    closes = dict(zip(good.ts.tolist(), good.close.tolist(), strict=True)) if entries else {}
    released: list[int] = []
    contradicted: list[tuple[int, str]] = []
    for entry in entries:
        close = closes.get(entry.row[0])
        if close is None:
            continue
        if is_own(entry, laid.received) or _alike(entry.row, close):
            released.append(entry.id)
        elif entry.adjustment == laid.received.adjustment and not entry.contradicted:
            said = f"close {entry.row[4]:.10g}: {laid.received.provider} sent {close:.10g}"
            contradicted.append((entry.id, said))
    return released, contradicted


def _alike(row: Row, close: float) -> bool:
    return abs(row[4] / close - 1) <= AGREEMENT


def _withdrawn(laid: Laid) -> list[int]:
    """The entries of bars that their provider no longer has, though it was asked long enough after."""
    received = laid.received
    first, last = int(received.bars.ts[0]), int(received.bars.ts[-1])
    sent = set(received.bars.ts.tolist())
    return [
        entry.id
        for entry in laid.around.entries
        if entry.decision is None
        and is_own(entry, received)
        and first < entry.row[0] < last
        and entry.row[0] not in sent
        and received.asked_at - entry.first_received >= laid.repeats_after
    ]


def _counted(laid: Laid, findings: Sequence[Finding]) -> Counter[tuple[str, str]]:
    """By doubt and outcome how many bars; one that stays in quarantine is not counted again."""
    known = {(entry.row, entry.contradicted) for entry in laid.around.entries if is_own(entry, laid.received)}
    rows: list[Row] = []
    if known and findings:
        rows = laid.bars.take(np.concatenate([finding.places for finding in findings])).rows()
    counts: Counter[tuple[str, str]] = Counter()
    at = 0
    for finding in findings:
        own, at = rows[at : at + len(finding.places)], at + len(finding.places)
        stays = finding.outcome not in STORED
        before = sum((row, finding.outcome is Outcome.CONTRADICTED) in known for row in own) if stays else 0
        counts[finding.doubt.value, finding.outcome.value] += len(finding.places) - before
    return +counts
