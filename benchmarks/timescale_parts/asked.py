"""What is asked of the bars, by name."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.store import bars
from market_data.store.connect import Database

SYMBOL = "S00003"
"""The symbol of which a single one is asked for."""

Work = Callable[[Database], Callable[[], Awaitable[object]]]

_ONE = f"FROM candles_intraday WHERE symbol = '{SYMBOL}' AND interval = '1m' AND ts >= $1 AND ts < $2"
_ALL = "FROM candles_intraday WHERE interval = '1m' AND ts >= $1 AND ts < $2 GROUP BY symbol"
_BUILT = f"SELECT * FROM %s WHERE symbol = '{SYMBOL}' AND ts >= $1 AND ts < $2 ORDER BY ts"  # noqa: S608


def queries(days: list[int]) -> dict[str, Work]:
    """What is asked of bars of these sessions."""

    def window(query: str, since: int, hours: float) -> Work:
        ends = moment(since), moment(since) + timedelta(hours=hours)
        return lambda target: lambda: target.fetch(query, *ends)

    first, middle, month = days[0], days[len(days) // 2], days[-21:][0]
    year, recently = (days[-1] - first) / 3600 + 24, (days[-1] - month) / 3600 + 24
    newest: Work = lambda target: lambda: bars.last(target, SYMBOL, Interval.M1, 120)  # noqa: E731
    return {
        "the newest 120 bars of a symbol": newest,
        "one bar of half a year ago": window(f"SELECT * {_ONE} LIMIT 1", middle, 0.01),
        "a session of a symbol, half a year ago": window(f"SELECT * {_ONE} ORDER BY ts", middle, 7),
        "the newest month of a symbol": window(f"SELECT * {_ONE} ORDER BY ts", month, recently),
        "a year of a symbol": window(f"SELECT * {_ONE} ORDER BY ts", first, year),
        "its high, low and volume of a year": window(
            f"SELECT max(high), min(low), sum(volume) {_ONE}", first, year
        ),
        "its 5m bars of a session": window(_BUILT % "candles_5m", middle, 7),
        "its 1h bars of a year": window(_BUILT % "candles_1h", first, year),
        "volume of each symbol, a session": window(f"SELECT symbol, sum(volume) {_ALL}", middle, 7),
        "volume of each symbol, a month": window(f"SELECT symbol, sum(volume) {_ALL}", month, recently),
        "volume of each symbol, a year": window(f"SELECT symbol, sum(volume) {_ALL}", first, year),
    }
