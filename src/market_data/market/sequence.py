"""Lays the bars of an answer among those that are stored and those in quarantine; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from market_data.market.bar import Adjustment, Bars, Mask
from market_data.market.doubt import Places
from market_data.market.interval import Interval
from market_data.market.outcome import Context, Evidence
from market_data.market.quarantined import Entry


@dataclass(frozen=True, slots=True)
class Received:
    """The judged bars of an answer, in order of time, and where they came from.

    `opens_session` marks the first bars after a break of the market: shape (n,).
    """

    interval: Interval
    provider: str
    adjustment: Adjustment
    moves_have_volume: bool
    asked_at: float  # epoch seconds
    bars: Bars
    opens_session: Mask


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the time of an answer: stored bars, the provider of each, and quarantined ones."""

    stored: Bars
    providers: Sequence[str]
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Laid:
    """An answer among what is known around it: one series of bars to be judged, in order of time.

    `evidence` is what is known from other providers, `places` is where the received bars are in the series:
    shape (number of received bars,). A quarantined value has waited after `repeats_after` seconds.
    """

    received: Received
    around: Around
    bars: Bars
    context: Context
    evidence: Sequence[Evidence]
    places: Places
    repeats_after: float


def lay(received: Received, around: Around, repeats_after: float) -> Laid:
    """Lay an answer among the stored bars; a quarantined value has waited after so many seconds."""
    bars, stored = received.bars, around.stored
    joined = Bars.joined([bars, stored.take(~np.isin(stored.ts, bars.ts))])
    order = np.argsort(joined.ts, kind="stable")
    at: Places = np.empty(len(order), np.intp)
    at[order] = np.arange(len(order))
    places = at[: len(bars)]
    own = _own_entries(received, around.entries)

    def mask(of_received: Mask, *, others: bool = False) -> Mask:
        whole: Mask = np.full(len(order), others)
        whole[places] = of_received
        return whole

    accepted = mask(_of(own, lambda one: one.decision == "accepted", len(bars)))
    context = Context(
        interval=received.interval,
        adjustment=received.adjustment,
        moves_have_volume=received.moves_have_volume,
        opens_session=mask(received.opens_session),
        settled=mask(_same(bars, stored), others=True) | accepted,
        waited=mask(_of(own, lambda one: received.asked_at - one.first_received >= repeats_after, len(bars))),
        contradicted=mask(_of(own, lambda one: one.contradicted, len(bars))),
        rejected=mask(_of(own, lambda one: one.decision == "rejected", len(bars))),
        received=mask(np.ones(len(bars), np.bool_)),
    )
    return Laid(
        received, around, joined.take(order), context, _known(received, around), places, repeats_after
    )


def is_own(one: Entry, received: Received) -> bool:
    """Whether an entry is of the provider and the series of an answer."""
    days = received.interval is Interval.D1  # of days each adjustment has its rows
    return one.provider == received.provider and (one.adjustment == received.adjustment or not days)


def _own_entries(received: Received, entries: Sequence[Entry]) -> dict[int, Entry]:
    """By their index in the answer, the bars of it that are in quarantine with this very value."""
    if not entries:
        return {}
    index = {row: at for at, row in enumerate(received.bars.rows())}
    return {
        index[entry.row]: entry
        for entry in entries
        if entry.row in index
        and is_own(entry, received)
        and (entry.decision is not None or not entry.is_trace)
    }


def _of(own: Mapping[int, Entry], holds: Callable[[Entry], bool], size: int) -> Mask:
    """Which bars of the answer have an entry of which something holds: shape (size,)."""
    found: Mask = np.zeros(size, np.bool_)
    found[[at for at, one in own.items() if holds(one)]] = True
    return found


def _same(bars: Bars, stored: Bars) -> Mask:
    """Which bars are stored with the same values: shape of `bars`."""
    if not len(stored):
        return np.zeros(len(bars), np.bool_)
    place = np.minimum(np.searchsorted(stored.ts, bars.ts), len(stored) - 1)
    same: Mask = np.ones(len(bars), np.bool_)
    for new, old in zip(bars.columns(), stored.columns(), strict=True):
        same &= new == old[place]
    return same


def _known(received: Received, around: Around) -> list[Evidence]:
    """What others sent of the same time: stored bars, and quarantined ones that nobody contradicts."""
    kind, names = received.adjustment, np.array(around.providers, dtype=np.str_)
    found = [
        Evidence(kind, around.stored.take(names == name), name)
        for name in sorted(set(around.providers) - {received.provider})
    ]
    for entry in around.entries:
        open_ = entry.decision is None and not (entry.contradicted or entry.is_trace)
        if open_ and entry.provider != received.provider and entry.adjustment == kind:
            found.append(Evidence(kind, Bars.of([entry.row]), entry.provider))
    return found
