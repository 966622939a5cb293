"""Whatever comes back, a provider answers within the span or raises a ProviderFault without the key."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_cases import KEY, Case, account_of, cases, providers

from market_data.errors import ProviderFault
from market_data.market.bar import Bars, Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Answer, Page, Provider, Query, Response

each_provider = pytest.mark.parametrize("name", providers())

STATUSES = st.sampled_from([200, 200, 200, 200, 204, 301, 302, 307, 400, 401, 403, 404, 408, 410, 418, 422])
ANY_STATUS = STATUSES | st.sampled_from([429, 500, 502, 503, 504, 599, 999]) | st.integers(100, 999)
DATES = st.sampled_from(
    [
        "Fri, 02 Oct 2026 13:32:41 GMT",
        "Fri, 02 Oct 2026 13:32:41 -0000",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "soon",
    ]
)
NUMBERS = st.integers().map(str) | st.sampled_from(["²", "٣", "1.5", "-1", "9" * 400, "1e9"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "retry-after": NUMBERS | DATES | st.text(max_size=20),
        "x-ratelimit-reset": NUMBERS | st.text(max_size=20),
        "date": DATES | st.text(max_size=20),
        "content-type": st.sampled_from(["application/json", "text/html"]),
    },
)
NASTY: st.SearchStrategy[Any] = st.sampled_from(
    [
        *("NaN", "nan", "-", "", KEY, "../etc/passwd", "2026-10-02 09:30:00", "2026-13-45", "9" * 5000),
        *(10**400, 10**20, -(10**20), 10**11, -(10**10), 2**63, 1e308, -1e308, 5e-324, float("nan")),
        *(True, None, [], {}, [[]], [None], [{}], {"quote": [{}]}),
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    NASTY | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=6,
)


def queries(
    symbols: st.SearchStrategy[str], assets: st.SearchStrategy[AssetType]
) -> st.SearchStrategy[Query]:
    starts = st.integers(-(10**9), 4 * 10**9)
    return st.builds(
        lambda capability, symbol, asset_type, start, length, now: Query(
            capability, symbol, asset_type, Span(start, start + length), now
        ),
        st.sampled_from(Capability),
        symbols,
        assets,
        starts,
        st.integers(1, 10**8),
        st.floats(0, 4e9),
    )


def documents(name: str) -> list[tuple[Case, Any]]:
    """The JSON bodies of a provider's cases, small enough to be changed many times."""
    found = []
    for case in cases():
        if case.provider.facts.name == name and len(case.response.body) < 4000:
            try:
                found.append((case, json.loads(case.response.body)))
            except ValueError:
                continue
    return found


@st.composite
def changed(draw: st.DrawFn, tree: Any) -> Any:
    """`tree` with some node replaced or left out."""
    if not isinstance(tree, dict | list) or not tree or draw(st.integers(0, 4)) == 0:
        return draw(JSON)
    key = draw(st.sampled_from(list(tree) if isinstance(tree, dict) else range(len(tree))))
    copy = tree.copy()
    if draw(st.integers(0, 9)) == 0:
        del copy[key]
    else:
        copy[key] = draw(changed(tree[key]))
    return copy


def answer(provider: Provider, query: Query, response: Response) -> Answer | Page | ProviderFault:
    try:
        return provider.parse(query, response)
    except ProviderFault as fault:
        return fault


def check(provider: Provider, query: Query, response: Response) -> None:
    match answer(provider, query, response):
        case ProviderFault() as fault:
            if provider.facts.needs_key:  # else it is never sent one that it could repeat
                assert KEY not in fault.detail
                assert KEY not in repr(fault)
            assert fault.payload == response.body
        case Quote() as quote:
            assert query.capability.interval is None
            assert quote.symbol == query.symbol
        case Page(bars=bars) | (Bars() as bars):
            assert query.capability.interval is not None
            assert all(at in query.span for at in bars.ts.tolist())


@each_provider
@settings(max_examples=200, deadline=None)
@given(
    query=queries(st.just("AAPL"), st.just(AssetType.EQUITY)),
    status=ANY_STATUS,
    headers=HEADERS,
    body=st.binary(max_size=200) | JSON.map(lambda tree: json.dumps(tree).encode()),
)
def test_any_bytes_are_an_answer_or_a_fault(
    name: str, query: Query, status: int, headers: dict[str, str], body: bytes
) -> None:
    check(providers()[name], query, Response(status, headers, body))


@each_provider
@settings(max_examples=400, deadline=None)
@given(data=st.data(), status=ANY_STATUS | st.just(200), headers=HEADERS)
def test_any_change_to_a_known_body_is_an_answer_or_a_fault(
    name: str, data: st.DataObject, status: int, headers: dict[str, str]
) -> None:
    case, tree = data.draw(st.sampled_from(documents(name)))
    for _ in range(data.draw(st.integers(1, 3))):
        tree = data.draw(changed(tree))
    check(providers()[name], case.question.query, Response(status, headers, json.dumps(tree).encode()))


@each_provider
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_cut_or_change_of_bytes_is_an_answer_or_a_fault(name: str, data: st.DataObject) -> None:
    case, _ = data.draw(st.sampled_from(documents(name)))
    body = case.response.body
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 8)))
    body = body[:start] + data.draw(st.binary(max_size=8)) + body[end:]
    check(providers()[name], case.question.query, Response(200, {}, body))


@each_provider
@settings(max_examples=200, deadline=None)
@given(
    query=queries(
        st.from_regex(r"[A-Z0-9^][A-Z0-9.\-=^/]{0,31}", fullmatch=True), st.sampled_from(list(AssetType))
    )
)
def test_any_question_becomes_a_request_without_the_key_in_its_url_or_is_a_fault(
    name: str, query: Query
) -> None:
    provider = providers()[name]
    account = account_of(provider)
    try:
        request = provider.request(query, account)
    except ProviderFault:
        assert query.asset_type not in provider.facts.reach[query.capability].asset_types
        return
    assert request.url.startswith(account.base_url)
    assert KEY not in request.url
    assert KEY not in repr(request)
