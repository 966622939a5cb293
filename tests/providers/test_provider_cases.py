"""What every provider must do, held against its recorded cases: one suite for all of them."""

from collections.abc import Iterable

import pytest
from provider_cases import FOLDER, KEY, Case, account_of, cases, providers

from market_data.errors import ProviderFault, Refused, Throttled, Unsupported
from market_data.market.bar import Bars, Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Answer, Page, Query

each_case = pytest.mark.parametrize("case", cases(), ids=str)
each_provider = pytest.mark.parametrize("name", providers())

THREE_BARS = "three_bars"
"""The name of the case with the same three bars in every encoding."""
EVERY_FAULT = {"Malformed", "Refused", "Throttled", "Unavailable", "Unsupported"}


def ask(case: Case) -> Answer | Page | ProviderFault:
    try:
        return case.provider.parse(case.question.query, case.response)
    except ProviderFault as fault:
        return fault


def hidden(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: text.replace(KEY, "KEY") for name, text in texts}


@each_case
def test_the_question_becomes_the_recorded_request(case: Case) -> None:
    account = account_of(case.provider)
    request = case.provider.request(case.question.query, account)
    assert request.url == account.base_url + case.sent.path
    assert hidden(request.params.items()) == case.sent.params
    assert hidden(request.headers.items()) == case.sent.headers


@each_case
def test_the_response_becomes_the_expected_answer(case: Case) -> None:
    expected, told = case.expected, ask(case)
    if expected.fault is not None:
        assert isinstance(told, ProviderFault), told
        assert type(told).__name__ == expected.fault, told
        assert expected.says in told.detail
        assert told.payload == case.response.body
        assert (told.retry_after if isinstance(told, Throttled) else None) == expected.retry_after
        assert (told.whole if isinstance(told, Refused) else None) == expected.whole
    elif expected.quote is not None:
        assert told == expected.quote.quote
    elif expected.next is not None:
        assert isinstance(told, Page), told
        assert (told.bars.rows(), told.token) == (expected.rows, expected.next)
    else:
        assert isinstance(told, Bars), told
        assert told.rows() == expected.rows


@each_case
def test_parsing_again_gives_the_same_again(case: Case) -> None:
    first, second = ask(case), ask(case)
    if isinstance(first, Bars) and isinstance(second, Bars):
        assert first.rows() == second.rows()
    elif isinstance(first, Quote):
        assert first == second
    else:
        assert repr(first) == repr(second)


@each_case
def test_the_key_is_in_no_url_no_repr_and_no_text_of_a_fault(case: Case) -> None:
    account = account_of(case.provider)
    request, told = case.provider.request(case.question.query, account), ask(case)
    shown = [request.url, repr(request), repr(account), str(account), repr(told), str(told)]
    if isinstance(told, ProviderFault):
        shown.append(told.detail)
    assert not [text for text in shown if KEY in text]


@each_provider
def test_the_cases_of_a_provider_show_every_capability_and_every_fault(name: str) -> None:
    own = [case for case in cases() if case.provider.facts.name == name]
    answered = {case.question.capability for case in own if case.expected.bars or case.expected.quote}
    assert answered == set(providers()[name].facts.reach)
    assert {case.expected.fault for case in own if case.expected.fault} == EVERY_FAULT
    assert [case for case in own if case.expected.bars == []], "no case in which nothing is there"


def test_every_folder_of_cases_belongs_to_a_provider() -> None:
    assert {folder.name for folder in FOLDER.iterdir()} == set(providers())


@pytest.mark.parametrize(
    "name", [name for name, one in providers().items() if Capability.BARS_1M in one.facts.reach]
)
def test_the_same_three_bars_in_every_encoding_are_the_same_three_bars(name: str) -> None:
    (case,) = (one for one in cases() if str(one) == f"{name}/{THREE_BARS}")
    told = ask(case)
    assert isinstance(told, Bars)
    assert told.rows() == [
        (1790947800, 256.00, 256.40, 255.90, 256.12, 1523411.0),
        (1790947860, 256.12, 256.35, 256.02, 256.30, 412233.0),
        (1790947920, 256.30, 256.33, 256.11, 256.21, 98121.0),
    ]


@each_provider
def test_a_question_beyond_the_asset_types_of_a_provider_is_unsupported(name: str) -> None:
    provider = providers()[name]
    for capability, reach in provider.facts.reach.items():
        for asset_type in set(AssetType) - reach.asset_types:
            query = Query(capability, "BTC-USD", asset_type, Span(1790947800, 1790948040), 1790948061.0)
            with pytest.raises(Unsupported):
                provider.request(query, account_of(provider))


@each_provider
def test_the_facts_of_a_provider_can_be_relied_on(name: str) -> None:
    facts = providers()[name].facts
    assert facts.name == name
    assert facts.settings_prefix == facts.settings_prefix.upper()
    assert facts.base_url.startswith("https://")
    assert not facts.base_url.endswith("/")
    assert facts.limits
    assert all(limit.calls > 0 and limit.seconds > 0 for limit in facts.limits)
    assert facts.terms
    for reach in facts.reach.values():
        assert reach.endpoint
        assert reach.asset_types
        assert reach.delay >= 0
        assert reach.longest_span is None or reach.longest_span > 0
