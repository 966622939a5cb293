"""Splits as providers report them, for which time they are known, and the bars that wait for one."""

from collections.abc import Sequence

from market_data.market.bar import Bars, Split
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.market.split import Checked
from market_data.store.connect import Database, sql


async def keep(database: Database, symbol: str, provider: str, splits: Sequence[Split], now: float) -> None:
    """Keep splits that a provider reported, known at `now`."""
    if splits:
        dates, ratios = [moment(split.effective) for split in splits], [split.ratio for split in splits]
        await database.fetch(sql("splits_keep"), symbol, provider, dates, ratios, moment(now))


async def check(database: Database, symbol: str, provider: str, checked: Checked, now: float) -> None:
    """Keep what a provider reported of splits at `now`, and for which time that is all there is."""
    await keep(database, symbol, provider, checked.splits, now)
    if checked.through:
        bounds = moment(checked.since), moment(checked.through), moment(now)
        await database.fetch(sql("splits_check"), symbol, provider, *bounds)


async def known(database: Database, symbol: str, provider: str) -> Checked | None:
    """What a provider has reported of a symbol's splits; None: nothing."""
    rows = await database.fetch(sql("splits_known"), symbol, provider)
    if not rows:
        return None
    splits = tuple(Split(row["effective"], row["ratio"]) for row in rows if row["effective"] is not None)
    return Checked(rows[0]["since"], rows[0]["through"], splits)


async def forget(database: Database, symbol: str, provider: str) -> None:
    """For which time a provider has reported all splits is not known any more; those it reported stay."""
    await database.fetch(sql("splits_forget"), symbol, provider)


async def quarantine(
    database: Database,
    series: tuple[str, Interval, str],
    kind: tuple[str, str],
    bars: Bars,
    *,
    evidence: str,
    now: float,
) -> None:
    """Keep bars of a series (symbol, interval, provider) and kind (adjustment, volume scope) as doubtful."""
    symbol, interval, provider = series
    columns = (column.tolist() for column in bars.columns())
    said = (evidence, moment(now))
    await database.fetch(sql("splits_quarantine"), symbol, interval.value, provider, *kind, *said, *columns)


async def release(database: Database, symbol: str, interval: Interval, provider: str, bars: Bars) -> None:
    """Bars of a provider whose level is known now are no longer quarantined for want of it."""
    if len(bars):
        at = [moment(ts) for ts in bars.ts.tolist()]
        await database.fetch(sql("splits_release"), symbol, interval.value, provider, at, min(at), max(at))
