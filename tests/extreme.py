"""Real histories with extreme moves: public facts, in the price levels of the time, rounded or approximate.

Days are closes of sessions; minutes are the shape of a session, as charts of it show, and some are made after
such a shape. They are what a doubt about bars must not take from a reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from market_data.calendar import hours_of
from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch


@dataclass(frozen=True)
class History:
    """Daily closes from the session of `first` on, one per session, or (open, high, low, close)."""

    name: str
    first: str
    closes: Sequence[float | tuple[float, float, float, float]]
    adjusted: bool = True  # whether a provider that adjusts for splits sends these values
    kind: AssetType = AssetType.EQUITY

    @property
    def exchange(self) -> str:
        return "CRYPTO" if self.kind is AssetType.CRYPTO else "NASDAQ"

    def rows(self) -> list[Row]:
        """Its bars, labelled as daily bars are."""
        first = epoch(datetime.fromisoformat(self.first).replace(tzinfo=UTC))
        span = Span(first, first + 86_400 * (3 * len(self.closes) + 10))
        days = hours_of(self.exchange, self.kind).regular.labels(span, Interval.D1)[: len(self.closes)]
        assert days[0] == first, f"{self.name}: {self.first} is no session"
        return _rows(days.tolist(), self.closes)


def _rows(
    labels: Sequence[int], closes: Sequence[float | tuple[float, float, float, float]], volume: float = 5e7
) -> list[Row]:
    rows: list[Row] = []
    before: float | None = None
    for ts, one in zip(labels, closes, strict=True):
        if isinstance(one, tuple):
            opened, high, low, close = one
        else:
            opened, close = before if before is not None else one, one
            wider = 0.01 if close >= 0.01 else 0.0  # what trades in ticks stays on them
            high, low = max(opened, close) * (1 + wider), min(opened, close) * (1 - wider)
        rows.append((ts, opened, high, low, close, volume))
        before = close
    return rows


DAYS = (
    # the squeeze of January 2021, in prices before the split of 2022
    History(
        "GME 2021",
        "2021-01-11",
        (
            19.94,
            19.95,
            31.40,
            39.91,
            35.50,
            39.36,
            39.12,
            43.03,
            65.01,
            76.79,
            147.98,
            347.51,
            193.60,
            325.00,
            225.00,
            90.00,
            92.41,
            53.50,
            63.77,
            60.00,
            50.31,
            51.20,
            51.10,
            52.40,
        ),
    ),
    History(
        "GME February and March 2021",
        "2021-02-19",
        (
            40.59,
            46.00,
            44.97,
            91.71,
            108.73,
            101.74,
            120.40,
            118.18,
            124.18,
            132.35,
            137.74,
            194.50,
            246.90,
            265.00,
            260.00,
            264.50,
            220.14,
            208.17,
            209.81,
            201.75,
            200.27,
            194.49,
            181.75,
            120.34,
            183.75,
            181.00,
        ),
    ),
    History(
        "AMC January 2021",
        "2021-01-20",
        (2.98, 2.98, 3.51, 4.42, 4.96, 19.90, 8.63, 13.26, 13.30, 7.82, 8.97, 7.09, 6.83),
    ),
    History(
        "AMC May and June 2021",
        "2021-05-24",
        (13.68, 16.41, 19.56, 26.52, 26.12, 32.04, 62.55, 51.34, 47.91, 55.00, 55.05, 49.34, 42.81, 49.40),
    ),
    History(
        "KOSS January 2021", "2021-01-21", (3.34, 3.82, 5.05, 10.00, 58.00, 35.04, 64.00, 35.00, 18.65, 20.66)
    ),
    History(
        "DWAC October 2021", "2021-10-18", (9.95, 9.94, 9.96, 45.50, 94.20, 83.43, 59.07, 65.51, 67.40, 61.83)
    ),
    History(
        "AMTD Digital 2022",
        "2022-07-21",
        (
            24.80,
            81.50,
            112.90,
            180.00,
            238.00,
            320.00,
            400.25,
            742.00,
            1679.00,
            1100.00,
            829.00,
            721.00,
            440.00,
        ),
    ),
    # the index of volatility
    History(
        "VIX August 2015",
        "2015-08-17",
        (
            13.02,
            13.79,
            15.25,
            19.14,
            28.03,
            (28.03, 53.29, 28.03, 40.74),
            36.02,
            30.32,
            26.10,
            26.05,
            28.43,
            31.40,
        ),
    ),
    History(
        "VIX February 2018",
        "2018-01-29",
        (
            13.84,
            14.79,
            13.54,
            13.47,
            17.31,
            (18.44, 38.80, 16.80, 37.32),
            (37.32, 50.30, 22.42, 29.98),
            27.73,
            33.46,
            29.06,
            25.61,
            24.97,
            19.26,
            19.13,
            19.46,
        ),
    ),
    History(
        "VIX March 2020",
        "2020-02-20",
        (
            15.56,
            17.08,
            25.03,
            27.85,
            27.56,
            39.16,
            40.11,
            33.42,
            36.82,
            31.99,
            39.62,
            41.94,
            54.46,
            47.30,
            53.90,
            75.47,
            57.83,
            82.69,
            75.91,
            76.45,
            72.00,
            66.04,
            61.59,
            61.67,
            63.95,
            61.00,
            65.54,
            57.08,
            53.54,
        ),
    ),
    History(
        "VIX August 2024",
        "2024-07-29",
        (
            16.60,
            17.69,
            16.36,
            18.59,
            23.39,
            (23.39, 65.73, 23.39, 38.57),
            (33.71, 34.77, 24.02, 27.71),
            27.85,
            23.79,
            20.37,
            20.71,
            18.12,
            16.19,
            15.23,
            14.80,
        ),
    ),
    History(
        "XIV February 2018",
        "2018-01-30",
        (125.37, 129.35, 127.35, 115.55, 99.00, 7.35, 5.96, 5.60, 5.34, 5.60),
    ),
    # March 2020
    History(
        "SPY March 2020",
        "2020-03-02",
        (
            309.09,
            300.24,
            312.86,
            302.46,
            297.46,
            274.23,
            288.42,
            274.36,
            248.11,
            269.32,
            239.85,
            252.80,
            240.00,
            240.51,
            228.80,
            222.95,
            243.15,
            246.79,
            261.20,
            253.42,
        ),
    ),
    History(
        "SOXL March 2020",
        "2020-03-04",
        (
            17.30,
            15.60,
            14.70,
            10.50,
            12.40,
            10.30,
            6.90,
            9.60,
            5.53,
            7.00,
            5.40,
            5.90,
            5.10,
            4.98,
            6.42,
            6.77,
            8.10,
        ),
    ),
    # bad news and good news
    History(
        "NFLX April 2022",
        "2022-04-14",
        (341.13, 337.86, 348.61, 226.19, 218.22, 215.52, 209.91, 198.40, 188.54),
    ),
    History("SNAP May 2022", "2022-05-18", (23.04, 22.68, 22.43, 22.47, 12.79, 13.73, 14.45, 15.43, 14.11)),
    History("SIVB March 2023", "2023-03-06", (283.04, 266.23, 267.83, 106.04)),
    History(
        "FRC 2023",
        "2023-03-08",
        (115.00, 96.01, 81.76, 31.21, 39.63, 31.16, 34.27, 23.03, 12.18, 15.77, 13.33),
    ),
    History(
        "CVNA June 2023", "2023-06-05", (13.61, 15.07, 15.46, 24.20, 24.04, 25.01, 24.46, 25.30, 26.10, 25.60)
    ),
    History(
        "META February 2022", "2022-02-01", (319.00, 323.00, 237.76, 237.09, 224.91, 220.18, 232.00, 228.07)
    ),
    # splits as an unadjusted provider sends them, and reverse splits
    History(
        "AAPL 4:1, raw", "2020-08-25", (499.30, 506.09, 500.04, 499.23, 129.04, 134.18, 131.40, 120.88), False
    ),
    History("GE 1:8, raw", "2021-07-28", (12.97, 12.94, 12.95, 103.58, 103.31, 104.10, 102.49), False),
    History("C 1:10, raw", "2011-05-04", (4.53, 4.53, 4.52, 44.16, 43.27, 42.00, 42.12), False),
    History("UVXY 1:10, raw", "2021-05-21", (4.22, 3.97, 3.93, 37.96, 36.87, 35.69, 34.50), False),
    History("TOPS 1:20, raw", "2020-08-05", (0.155, 0.151, 0.147, 2.45, 2.10, 1.95, 1.88), False),
    History("a reverse split 1:35, raw", "2024-03-11", (0.031, 0.030, 0.029, 0.98, 0.91, 0.87, 0.88), False),
    # crypto
    History(
        "BTC-USD March 2020",
        "2020-03-08",
        (
            8037.5,
            7931.4,
            7894.5,
            7936.8,
            (7936.8, 7966.2, 4546.0, 4857.1),
            (4857.1, 5955.0, 3782.1, 5637.6),
            5165.7,
            5347.5,
            5017.8,
            5360.3,
            5247.3,
            6191.2,
            6198.8,
            6185.1,
        ),
        kind=AssetType.CRYPTO,
    ),
    History(
        "LUNA May 2022",
        "2022-05-06",
        (77.26, 69.98, 64.09, 30.32, 17.47, 1.13, 0.0048, 0.00006, 0.00037, 0.00023, 0.00021, 0.00018),
        kind=AssetType.CRYPTO,
    ),
)


@dataclass(frozen=True)
class Session:
    """Minutes from `first` on: closes, or (open, high, low, close). `before` is the close before."""

    name: str
    first: str
    minutes: Sequence[float | tuple[float, float, float, float]]
    kind: AssetType = AssetType.EQUITY
    volume: float = 50_000.0
    before: float | None = None

    @property
    def exchange(self) -> str:
        return "CRYPTO" if self.kind is AssetType.CRYPTO else "NASDAQ"

    def rows(self) -> list[Row]:
        """Its bars, after five of the end of the session before, if its close is given."""
        first = epoch(datetime.fromisoformat(self.first))
        labels = [first + 60 * at for at in range(len(self.minutes))]
        rows = _rows(labels, self.minutes, self.volume)
        if self.before is None:
            return rows
        span = Span(first - 5 * 86_400, first)
        last = hours_of(self.exchange, self.kind).regular.labels(span, Interval.M1)[-5:].tolist()
        return [*_rows(last, [self.before] * len(last), self.volume), *rows]


def _line(start: float, end: float, count: int) -> list[float]:
    return [round(start + (end - start) * at / max(count - 1, 1), 4) for at in range(count)]


MINUTES = (
    # opens at twice the close before, halts up and down, 483 at 10:00, 112 at 11:20, 194 at the close
    Session(
        "GME 2021-01-28",
        "2021-01-28T14:30:00+00:00",
        [
            *_line(265, 360, 10),
            *_line(440, 483, 5),
            *_line(455, 395, 10),
            *_line(350, 300, 6),
            255.0,
            212.0,
            *_line(264, 160, 6),
            126.01,
            112.25,
            132.0,
            *_line(198, 312, 8),
            *_line(290, 250, 20),
            *_line(249, 193.6, 60),
        ],
        before=347.51,
    ),
    Session(
        "a halt on results, -34 %",
        "2024-05-30T13:30:00+00:00",
        [*_line(100, 100.5, 60), *_line(66.2, 67.0, 120)],
    ),
    Session(
        "a small stock on news", "2024-06-12T13:30:00+00:00", [*([10.0] * 60), 15.2, *_line(13.0, 14.2, 120)]
    ),
    Session(
        "doubles and fades",
        "2024-06-12T13:30:00+00:00",
        [*([2.0] * 60), 4.1, 5.2, 3.4, 2.6, *_line(2.4, 2.2, 60)],
    ),
    Session(
        "a sub-penny stock in two ticks",
        "2024-05-30T13:30:00+00:00",
        [(0.0001, 0.0002)[at // 3 % 2] for at in range(390)],
        volume=1e5,
    ),
    Session(
        "a penny stock in ticks",
        "2024-05-30T13:30:00+00:00",
        [round(0.0004 + 0.0001 * ((at * 7) % 5), 4) for at in range(390)],
        volume=1e5,
    ),
    # 2010-05-06, 14:47 in New York: a cent for some minutes
    Session(
        "ACN in the flash crash of 2010",
        "2010-05-06T18:30:00+00:00",
        [
            *_line(41, 40, 15),
            (40.0, 40.0, 30.0, 32.62),
            (32.62, 32.62, 0.01, 0.01),
            (0.01, 40.0, 0.01, 39.51),
            *_line(39.5, 41, 40),
        ],
    ),
    # 2017-06-21, ETH-USD on GDAX: 317.81 to 0.10 and back within a minute
    Session(
        "ETH-USD 2017-06-21 at GDAX",
        "2017-06-21T19:00:00+00:00",
        [*_line(320, 317.81, 30), (317.81, 317.81, 0.10, 288.0), *_line(300, 315, 40)],
        AssetType.CRYPTO,
    ),
    # 2021-10-21, BTC-USD on Binance.US: 65,815 to 8,200 and back
    Session(
        "BTC-USD 2021-10-21 at Binance.US",
        "2021-10-21T11:00:00+00:00",
        [*_line(65_300, 65_815, 34), (65_815.0, 65_815.0, 8_200.0, 64_200.0), *_line(64_800, 65_000, 40)],
        AssetType.CRYPTO,
    ),
)


def moments() -> Mapping[str, int]:
    """How many bars there are: of days and of minutes."""
    return {
        "days": sum(len(day.closes) for day in DAYS),
        "minutes": sum(len(minute.minutes) for minute in MINUTES),
    }
