"""Reads the recorded cases: a folder each with question, request, response and expected answer.

    cases/<provider>/<case>/question.json   what is asked, and why the case exists
                            request.json    the GET it becomes, KEY where the account's key goes
                            response.json   status, headers, and the name of the file with the body
                            expected.json   bars, or a quote, or a fault

A provider joins every test by adding a folder; a bug report becomes a case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from market_data.market.bar import Quote, Row
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span, epoch
from market_data.provider import Account, Provider, Query, Response
from market_data.providers import discover

FOLDER = Path(__file__).parent / "cases"
KEY = "T3ST-K3Y-0F-N0B0DY"
"""The key of every account here; bodies that repeat a key repeat this one."""

_T = TypeVar("_T")


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    capability: Capability
    symbol: str
    asset_type: AssetType
    start: datetime
    end: datetime
    now: datetime
    page: str = ""

    @property
    def query(self) -> Query:
        span = Span.between(self.start, self.end)
        return Query(self.capability, self.symbol, self.asset_type, span, self.now.timestamp(), self.page)


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    params: dict[str, str]
    headers: dict[str, str]


class Answered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: int
    headers: dict[str, str]
    body: str


class ExpectedQuote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbol: str
    ts: datetime
    price: float
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    volume: float | None = None

    @property
    def quote(self) -> Quote:
        sizes = {"bid_size": self.bid_size, "ask_size": self.ask_size}
        return Quote(self.symbol, epoch(self.ts), self.price, self.bid, self.ask, **sizes, volume=self.volume)


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    bars: list[tuple[datetime, float, float, float, float, float]] | None = None
    next: str | None = None  # the token of the next page
    quote: ExpectedQuote | None = None
    fault: str | None = None
    retry_after: float | None = None
    whole: bool | None = None
    says: str = ""

    @property
    def rows(self) -> list[Row]:
        return [(epoch(row[0]), *row[1:]) for row in self.bars or []]


@dataclass(frozen=True, slots=True)
class Case:
    """One folder."""

    folder: Path
    provider: Provider
    question: Question
    sent: Sent
    response: Response
    expected: Expected

    def __str__(self) -> str:
        return f"{self.provider.facts.name}/{self.folder.name}"


def account_of(provider: Provider) -> Account:
    return Account(provider.facts.base_url, provider.facts.limits, key=KEY, secret=f"{KEY}-SECRET")


@cache
def providers() -> Mapping[str, Provider]:
    return discover()


@cache
def cases() -> tuple[Case, ...]:
    """Every case of every provider, in the order of their names."""
    folders = sorted(one for one in FOLDER.glob("*/*") if one.is_dir())
    return tuple(_read_case(folder) for folder in folders if folder.parent.name in providers())


def _read_case(folder: Path) -> Case:
    answered = _read(folder / "response.json", Answered)
    body = (folder / answered.body).read_bytes()
    return Case(
        folder,
        providers()[folder.parent.name],
        _read(folder / "question.json", Question),
        _read(folder / "request.json", Sent),
        Response(answered.status, {name.lower(): text for name, text in answered.headers.items()}, body),
        _read(folder / "expected.json", Expected),
    )


def _read(file: Path, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=shape)
    except msgspec.DecodeError as error:
        raise ValueError(f"{file.relative_to(FOLDER)}: {error}") from error
