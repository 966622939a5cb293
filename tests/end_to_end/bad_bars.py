"""A grammar of bad bars: each way to be wrong, and where such a bar is found among the rejected ones."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, nan
from random import Random

from market_data.market.bar import Bars, Row

DAY = 86_400
FACTORS = (10, 100, 1000, 0.1, 0.01, 0.001)
SPLITS = (1.5, 2, 3, 4, 5, 7, 20, 2 / 3, 1 / 2, 1 / 3, 1 / 4, 1 / 8)

Way = Callable[[Random, Row], list[Row]]
"""What is told in the place of a good row: one row or two."""


def _with(row: Row, field: int, value: float) -> Row:
    cells = list(row)
    cells[field] = value
    return (int(row[0]), cells[1], cells[2], cells[3], cells[4], cells[5])


def _times(row: Row, by: float) -> Row:
    return (row[0], row[1] * by, row[2] * by, row[3] * by, row[4] * by, row[5])


def _one_price_far(random: Random, row: Row) -> list[Row]:
    """One of open, high, low, close by itself, the extremes with it, so that the bar holds together."""
    field = random.choice((1, 2, 3, 4))
    up, down = (10, 100, 3, 2, 1.5), (0.1, 0.01, 1 / 3, 0.5)
    by = random.choice({2: up, 3: down}.get(field, up + down))
    row = _with(row, field, row[field] * by)
    return [_with(_with(row, 2, max(row[1:5])), 3, min(row[1:5]))]


WAYS: Mapping[str, Way] = {
    "a cell that is no number": lambda r, row: [_with(row, r.randint(1, 5), r.choice((nan, inf, -inf)))],
    "a price that is not above zero": lambda r, row: [_with(row, r.randint(1, 4), r.choice((0.0, -row[1])))],
    "all prices negative": lambda r, row: [_times(row, -1.0)],
    "a negative volume": lambda r, row: [_with(row, 5, -1.0 - row[5])],
    "high and low exchanged": lambda r, row: [_with(_with(row, 2, row[3]), 3, row[2])],
    "a close outside": lambda r, row: [_with(row, 4, r.choice((row[2] * 1.001, row[3] * 0.999)))],
    "an open outside": lambda r, row: [_with(row, 1, r.choice((row[2] * 1.001, row[3] * 0.999)))],
    "between two minutes": lambda r, row: [(row[0] + r.randint(1, 59), *row[1:])],
    "of a year to come": lambda r, row: [(row[0] + 4000 * DAY, *row[1:])],
    "told twice": lambda r, row: [row, _with(row, 5, row[5] + 1)],
    "more than the world turns over": lambda r, row: [_with(row, 5, 1e19)],
    "a point misplaced": lambda r, row: [_times(row, r.choice(FACTORS))],
    "a split too many": lambda r, row: [_times(row, r.choice(SPLITS))],
    "one price far off": _one_price_far,
    "no volume, though it moved": lambda r, row: [_with(row, 5, 0.0)],
    "a volume with many noughts too many": lambda r, row: [_with(row, 5, row[5] * 1e9)],
}


@dataclass(slots=True)
class Spoiler:
    """Spoils a share of the rows that a provider sends, each in one of the WAYS.

    What is asked for again is sent again as it was; with `corrects`, as it is right.
    """

    random: Random
    share: float
    bad: dict[int, tuple[str, Row]]  # by the good row's label: the way, and what was sent in its place
    good: set[int]  # labels of rows that were sent as they are
    corrects: bool = False
    sent: dict[int, list[Row]] = field(default_factory=dict)

    def __call__(self, bars: Bars) -> Bars:
        """The bars as they are told."""
        return Bars.of(row for each in bars.rows() for row in self._told(each))

    def _told(self, row: Row) -> Iterator[Row]:
        if row[0] in self.sent:
            yield from [row] if self.corrects else self.sent[row[0]]
            return
        self.sent[row[0]] = [row]
        moved = row[2] > row[3] and row[5] > 0
        if self.random.random() >= self.share or not moved:
            self.good.add(row[0])
            yield row
            return
        way = self.random.choice(list(WAYS))
        told = WAYS[way](self.random, row)
        self.bad[row[0]], self.sent[row[0]] = (way, told[-1]), told
        yield from told
